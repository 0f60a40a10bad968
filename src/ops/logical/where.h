// Where: elements of one of two tensors, chosen by a third; all three broadcast.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kWhere;

}  // namespace cycloid
