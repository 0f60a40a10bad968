// Indices held by tensors: their check, and what GatherND and ScatterND share.
#pragma once

#include <cstdint>
#include <vector>

#include "cycloid/result.h"
#include "tensor/tensor.h"

namespace cycloid {

// An index in [-size, size) as one in [0, size).
Result<std::int64_t> normalize_index(std::int64_t index, std::int64_t size);

// Slices of `data` that the tuples in the last axis of `indices` name: the flat index of each slice's first element, and
// the elements a slice has.
struct SliceList {
  std::vector<std::int64_t> firsts;
  std::int64_t run = 1;
};
// With `batch_axes` leading axes that data and indices share. Errors: tuples that are too long, indices out of range.
Result<SliceList> slices_of(const Dims& data, const Tensor& indices, std::size_t batch_axes);

// For each element of `indices`, which has data's rank: the flat index in data of the element at the same place, but with
// its coordinate along `axis` replaced by the element's value. Errors: sizes beyond data's, indices out of range.
Result<std::vector<std::int64_t>> elements_of(const Dims& data, const Tensor& indices, std::size_t axis);

}  // namespace cycloid
