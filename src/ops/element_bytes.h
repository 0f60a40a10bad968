// How much memory an element of an output may take.
#pragma once

#include <cstddef>

#include "ops/op.h"

namespace cycloid {

// The size of an element of this type, at least 1. A string may be as long as the longest among the node's inputs; they
// are looked at only where the memory is bounded.
std::size_t element_bytes(const EvalContext& context, DType dtype);

}  // namespace cycloid
