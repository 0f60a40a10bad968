#include "kernels/conv/depthwise_body.h"

namespace cycloid::kernels {

const DepthwiseBodies depthwise_bodies_avx512 = {kLanes, sizeof(kDepthwise) / sizeof(kDepthwise[0]), kDepthwise};

}  // namespace cycloid::kernels
