#include "kernels/gemm/dot_body.h"

namespace cycloid::kernels {

void dot_avx2(const DotArgs& t) { dot(t); }

}  // namespace cycloid::kernels
