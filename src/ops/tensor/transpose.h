// Transpose: the axes in another order.
#pragma once

#include "ops/op.h"

namespace cycloid {

// The attribute perm, or the reversal of the axes: axis i of the output is axis perm[i] of the input.
Result<std::vector<std::int64_t>> transpose_permutation(const Node& node, std::size_t rank);

}  // namespace cycloid
