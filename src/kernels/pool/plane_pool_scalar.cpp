#include "kernels/pool/plane_body.h"

namespace cycloid::kernels {

const PlanePoolBodies plane_pool_bodies_scalar = CYCLOID_PLANE_POOL_BODIES;

}  // namespace cycloid::kernels
