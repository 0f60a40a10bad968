#include "kernels/lanes/lanes_body.h"

namespace cycloid::kernels {

const LaneBodies lane_bodies_scalar = kLaneBodies;

}  // namespace cycloid::kernels
