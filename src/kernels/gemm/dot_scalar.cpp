#include "kernels/gemm/dot_body.h"

namespace cycloid::kernels {

void dot_scalar(const DotArgs& t) { dot(t); }

}  // namespace cycloid::kernels
