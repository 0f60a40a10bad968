#include "kernels/pool/pool_body.h"

namespace cycloid::kernels {

const PoolBodies pool_bodies_avx512 = {
    kLanes, pool_row<true>, pool_row<false>, plane_rows<true>, plane_rows<false>, plane_taps<true>, plane_taps<false>};

}  // namespace cycloid::kernels
