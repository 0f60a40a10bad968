// Pow and Mod: arithmetic with broadcasting whose operands' types or signs matter.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kPow;
extern const Op kMod;

}  // namespace cycloid
