#include "kernels/conv/depthwise_body.h"

namespace cycloid::kernels {

const DepthwiseBodies depthwise_bodies_scalar = {kLanes, sizeof(kDepthwise) / sizeof(kDepthwise[0]), kDepthwise};

}  // namespace cycloid::kernels
