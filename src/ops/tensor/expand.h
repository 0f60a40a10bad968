// Expand and Tile: a tensor repeated, by broadcasting or side by side.
#pragma once

#include "tensor/tensor.h"

namespace cycloid {

// The dims of the result of Expand to `target`.
Result<Dims> expanded_dims(const Dims& dims, const Dims& target);
// Of Tile.
Result<Dims> tiled_dims(const Dims& dims, const std::vector<std::int64_t>& repeats);

}  // namespace cycloid
