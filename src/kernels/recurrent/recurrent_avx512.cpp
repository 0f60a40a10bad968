#include "kernels/recurrent/recurrent_body.h"

namespace cycloid::kernels {

const RecurrentBodies recurrent_bodies_avx512 = {kLanes, tile_rows(kMaxVectors), kByCell};

}  // namespace cycloid::kernels
