#include "kernels/lanes/lanes_body.h"

namespace cycloid::kernels {

const LaneBodies lane_bodies_avx2 = kLaneBodies;

}  // namespace cycloid::kernels
