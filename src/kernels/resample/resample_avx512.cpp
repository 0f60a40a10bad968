#include "kernels/resample/resample_body.h"

namespace cycloid::kernels {

const BlendFn blend_avx512 = blend;

}  // namespace cycloid::kernels
