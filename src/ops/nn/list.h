// The operators of convolutional and attention networks.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kAttention;
extern const Op kAveragePool;
extern const Op kCausalConvWithState;
extern const Op kConv;
extern const Op kConvTranspose;
extern const Op kDepthToSpace;
extern const Op kFlexAttention;
extern const Op kGlobalAveragePool;
extern const Op kGlobalLpPool;
extern const Op kGlobalMaxPool;
extern const Op kLinearAttention;
extern const Op kLpPool;
extern const Op kMaxPool;
extern const Op kResize;
extern const Op kRotaryEmbedding;
extern const Op kSpaceToDepth;

}  // namespace cycloid
