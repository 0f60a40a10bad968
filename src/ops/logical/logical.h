// Comparisons, boolean and bitwise operators, all with broadcasting.
#pragma once

#include "ops/op_list.h"

namespace cycloid {

extern const Op kEqual;

void add_comparison_ops(OpList& list);

}  // namespace cycloid
