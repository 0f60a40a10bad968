// The losses of training.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kNegativeLogLikelihoodLoss;
extern const Op kSoftmaxCrossEntropyLoss;

}  // namespace cycloid
