#include "kernels/half/half_body.h"

namespace cycloid::kernels {

const HalfBodies half_bodies_avx2 = {widen_float16, widen_bfloat16, narrow_float16, narrow_bfloat16};

}  // namespace cycloid::kernels
