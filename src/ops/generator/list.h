#pragma once

#include "ops/op_list.h"

namespace cycloid {

void add_constant_ops(OpList& list);  // constant.cpp

}  // namespace cycloid
