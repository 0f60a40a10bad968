// Softmax, LogSoftmax and Hardmax along one axis.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kSoftmax;
extern const Op kLogSoftmax;
extern const Op kHardmax;

}  // namespace cycloid
