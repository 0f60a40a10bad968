#include "kernels/recurrent/recurrent_body.h"

namespace cycloid::kernels {

const RecurrentBodies recurrent_bodies_scalar = {kLanes, tile_rows(kMaxVectors), kByCell};

}  // namespace cycloid::kernels
