// Relu: max(x, 0), NaN kept.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kRelu;

}  // namespace cycloid
