#include "kernels/peak/peak_body.h"

namespace cycloid::kernels {

int64_t peak_loop_scalar(int64_t steps, float* sink) { return multiply_adds<kPeakChains>(steps, sink); }
int64_t peak_chain_scalar(int64_t steps, float* sink) { return multiply_adds<1>(steps, sink); }

}  // namespace cycloid::kernels
