// Along one axis: ArgMax, ArgMin, CumSum, CumProd, TopK.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kArgMax;
extern const Op kArgMin;
extern const Op kCumSum;
extern const Op kCumProd;
extern const Op kTopK;

}  // namespace cycloid
