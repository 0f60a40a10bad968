#include "kernels/recurrent/recurrent_body.h"

namespace cycloid::kernels {

const RecurrentBodies recurrent_bodies_avx2 = {kLanes, tile_rows(kMaxVectors), kByCell};

}  // namespace cycloid::kernels
