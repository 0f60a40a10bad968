// Functions of one element: Abs, Neg, Sign, roundings, roots, exponentials, trigonometry, Erf, IsNaN, IsInf, BitwiseNot.
#pragma once

#include "ops/op_list.h"

namespace cycloid {

void add_unary_ops(OpList& list);

}  // namespace cycloid
