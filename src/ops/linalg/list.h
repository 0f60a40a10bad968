// The operators of linear algebra.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kDet;
extern const Op kEinsum;
extern const Op kGemm;
extern const Op kMatMul;
extern const Op kTrilu;

}  // namespace cycloid
