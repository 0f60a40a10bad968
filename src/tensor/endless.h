#pragma once

#include "tensor/dim.h"

namespace cycloid {

// Whether a tensor without elements has sizes beside its empty ones that make a walk over its rows, which hold nothing,
// take no end ([2^40, 0]): neither memory nor time bounds such a loop. False for tensors with elements.
bool is_endless_nothing(const Dims& dims);

}  // namespace cycloid
