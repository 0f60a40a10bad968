// Tensors from nothing or from a shape: Constant, ConstantOfShape, Range, EyeLike; and Identity.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kConstant;
extern const Op kConstantOfShape;
extern const Op kRange;
extern const Op kEyeLike;
extern const Op kIdentity;

}  // namespace cycloid
