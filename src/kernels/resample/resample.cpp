#include "kernels/resample/resample.h"

#include "kernels/isa_table.h"

namespace cycloid::kernels {

BlendFn blend_kernel(Isa isa) { return CYCLOID_ISA_TABLE(isa, blend); }

}  // namespace cycloid::kernels
