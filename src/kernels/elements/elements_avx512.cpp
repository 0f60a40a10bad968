#include "kernels/elements/elements_body.h"

namespace cycloid::kernels {

const ElementBodies element_bodies_avx512 = {kTwo, kOne, kCasts, kSelects, kCopies, affine, kClips};

}  // namespace cycloid::kernels
