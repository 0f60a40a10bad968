// The operators of linear algebra.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kGemm;
extern const Op kMatMul;

}  // namespace cycloid
