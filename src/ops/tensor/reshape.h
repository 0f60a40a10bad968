// Reshape: the same elements under other sizes.
#pragma once

#include "ops/op.h"

namespace cycloid {

// The output shape of Reshape: in `target`, -1 is what is left and 0 (unless `allow_zero`) the input's size of that axis.
// Symbolic sizes are taken as they are. An error where the counts of elements are known to differ.
Result<Shape> reshape_shape(const Shape& input, const ShapeData& target, bool allow_zero);

// The same of sizes that are all known.
Result<Dims> reshaped_dims(const Dims& input, const std::vector<std::int64_t>& target, bool allow_zero);

}  // namespace cycloid
