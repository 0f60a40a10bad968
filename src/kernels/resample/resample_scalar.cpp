#include "kernels/resample/resample_body.h"

namespace cycloid::kernels {

const BlendFn blend_scalar = blend;

}  // namespace cycloid::kernels
