// Arithmetic of two tensors with broadcasting: Add, Sub, Mul, Div.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kAdd;
extern const Op kSub;
extern const Op kMul;
extern const Op kDiv;

}  // namespace cycloid
