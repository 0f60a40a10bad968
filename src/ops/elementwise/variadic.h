// Max, Min, Mean and Sum of any number of tensors, and Clip.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kMax;
extern const Op kMin;
extern const Op kMean;
extern const Op kSum;
extern const Op kClip;

}  // namespace cycloid
