// Slice: a range of each of some axes, with steps.
#pragma once

#include "tensor/tensor.h"

namespace cycloid {

// What Slice keeps of a tensor: the result's dims, the first element kept, and how far apart those of each axis are.
struct SliceView {
  Dims dims;
  std::int64_t offset = 0;
  Dims strides;
};

// Of a row-major tensor of `dims`. `axes` nullptr: the first ones; `steps` nullptr: 1.
Result<SliceView> slice_view(const Dims& dims, const std::vector<std::int64_t>& starts,
                             const std::vector<std::int64_t>& ends, const std::vector<std::int64_t>* axes,
                             const std::vector<std::int64_t>* steps);

}  // namespace cycloid
