// Moving elements between tensors, whatever their type is.
#pragma once

#include <cstdint>
#include <cstring>

#include "tensor/tensor.h"

namespace cycloid {

// Copies runs of elements from one tensor to another of the same dtype. Indices are the caller's to keep in range.
// Both tensors must outlive it, and `to` must not be copied meanwhile.
class ElementCopier {
 public:
  ElementCopier(const Tensor& from, Tensor& to);

  void copy(std::int64_t to_index, std::int64_t from_index, std::int64_t count = 1) const {
    if (strings_from_ != nullptr) return copy_strings(to_index, from_index, count);
    if (count == 1) return copy_one(to_index, from_index);
    if (count <= 0) return;
    std::memcpy(to_ + to_index * size_, from_ + from_index * size_, static_cast<std::size_t>(count * size_));
  }

 private:
  void copy_strings(std::int64_t to_index, std::int64_t from_index, std::int64_t count) const;
  void copy_one(std::int64_t to_index, std::int64_t from_index) const {
    std::byte* to = to_ + to_index * size_;
    const std::byte* from = from_ + from_index * size_;
    switch (size_) {  // a memcpy of a size known to the compiler is one load and one store
      case 1: *to = *from; return;
      case 2: std::memcpy(to, from, 2); return;
      case 4: std::memcpy(to, from, 4); return;
      case 8: std::memcpy(to, from, 8); return;
      default: std::memcpy(to, from, static_cast<std::size_t>(size_));
    }
  }

  const std::byte* from_ = nullptr;
  std::byte* to_ = nullptr;
  const std::string* strings_from_ = nullptr;
  std::string* strings_to_ = nullptr;
  std::int64_t size_ = 0;
};

// A tensor of `dims` whose element at an index is `from`'s element offset + sum(index[i] * strides[i]), which must lie
// within `from`.
Result<Tensor> strided_copy(const Tensor& from, Dims dims, std::int64_t offset, const Dims& strides);

// Row-major iteration over `dims`: calls visit(index) for each index, in order. Not called where a size is 0.
template <class Visit>
void for_each_index(const Dims& dims, Visit&& visit) {
  for (const std::int64_t dim : dims) {
    if (dim <= 0) return;
  }
  Dims index(dims.size(), 0);
  while (true) {
    visit(static_cast<const Dims&>(index));
    std::size_t axis = dims.size();
    while (axis > 0 && ++index[axis - 1] == dims[axis - 1]) index[--axis] = 0;
    if (axis == 0) return;
  }
}

// The product of sizes [begin, end) of dims whose whole product is within int64.
std::int64_t product(const Dims& dims, std::size_t begin, std::size_t end);

// The transposed tensor: axis i of the result is axis permutation[i] of `tensor`. The permutation must be one.
Result<Tensor> transposed(const Tensor& tensor, const std::vector<std::int64_t>& permutation);

// `tensor` broadcast to `dims`, which it must be broadcastable to.
Result<Tensor> broadcast_to(const Tensor& tensor, const Dims& dims);

}  // namespace cycloid
