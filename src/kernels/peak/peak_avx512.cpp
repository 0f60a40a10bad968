#include "kernels/peak/peak_body.h"

namespace cycloid::kernels {

int64_t peak_loop_avx512(int64_t steps, float* sink) { return peak_loop(steps, sink); }

}  // namespace cycloid::kernels
