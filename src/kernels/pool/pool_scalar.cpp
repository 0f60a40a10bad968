#include "kernels/pool/pool_body.h"

namespace cycloid::kernels {

const PoolBodies pool_bodies_scalar = {kLanes, pool_row<true>, pool_row<false>};

}  // namespace cycloid::kernels
