#include "kernels/move/transpose_body.h"

namespace cycloid::kernels {

const TransposeBodies transpose_bodies_scalar = {
    {transpose_blocks<Bytes>, transpose_blocks<Pairs>, transpose_blocks<Floats>, transpose_blocks<Longs>}};

}  // namespace cycloid::kernels
