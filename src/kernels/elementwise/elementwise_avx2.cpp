#include "kernels/elementwise/elementwise_body.h"

namespace cycloid::kernels {

const ElementwiseBodies elementwise_bodies_avx2 = {kUnary, kActivations, kBinary, affine};

}  // namespace cycloid::kernels
