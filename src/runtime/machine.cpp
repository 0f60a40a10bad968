#include "runtime/machine.h"

#include "kernels/peak/peak.h"

namespace cycloid {

double peak_flops(Isa isa) { return kernels::measure_peak_flops(isa); }

}  // namespace cycloid
