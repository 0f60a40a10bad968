#include "kernels/recurrent/recurrent_body.h"

namespace cycloid::kernels {

const RecurrentBodies recurrent_bodies_avx512 = {kLanes, kTileRows, kByCell};

}  // namespace cycloid::kernels
