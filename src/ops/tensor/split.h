// Split: a tensor cut into parts along an axis.
#pragma once

#include <vector>

#include "ops/op.h"

namespace cycloid {

// The elements [begin, begin + count) of `axis`.
Result<Tensor> slice_axis(const Tensor& tensor, std::size_t axis, std::int64_t begin, std::int64_t count);

// The sizes of the parts of an axis of `size` cut evenly into `parts`: all alike but the last, which may be smaller.
std::vector<Dim> even_parts(const Dim& size, std::int64_t parts);

}  // namespace cycloid
