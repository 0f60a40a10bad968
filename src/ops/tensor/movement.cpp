#include "ops/tensor/movement.h"

#include <algorithm>

#include "base/error.h"
#include "ops/tensor/arguments.h"

namespace cycloid {

ElementCopier::ElementCopier(const Tensor& from, Tensor& to) : size_(static_cast<std::int64_t>(size_of(from.dtype()))) {
  CYCLOID_CHECK(from.dtype() == to.dtype());
  if (from.dtype() == DType::kString) {
    strings_from_ = from.data<std::string>().data();
    strings_to_ = to.mutable_data<std::string>().data();
  } else {
    from_ = from.bytes();
    to_ = to.mutable_bytes();
  }
}

void ElementCopier::copy_strings(std::int64_t to_index, std::int64_t from_index, std::int64_t count) const {
  std::copy_n(strings_from_ + from_index, std::max<std::int64_t>(count, 0), strings_to_ + to_index);
}

Result<Tensor> strided_copy(const Tensor& from, Dims dims, std::int64_t offset, const Dims& strides) {
  CYCLOID_ASSIGN(Tensor to, Tensor::empty(from.dtype(), dims));
  if (to.element_count() == 0) return to;
  const ElementCopier copier(from, to);
  // The trailing axes that are contiguous in `from` move as one run.
  std::int64_t run = 1;
  std::size_t outer = dims.size();
  while (outer > 0 && (strides[outer - 1] == run || dims[outer - 1] == 1)) run *= dims[--outer];
  const std::int64_t inner_count = outer > 0 ? dims[outer - 1] : 1;
  const std::int64_t inner_stride = outer > 0 ? strides[outer - 1] : 0;
  Dims outer_dims(dims.begin(), dims.begin() + static_cast<std::ptrdiff_t>(outer > 0 ? outer - 1 : 0));
  std::int64_t at = 0;
  for_each_index(outer_dims, [&](const Dims& index) {
    std::int64_t source = offset;
    for (std::size_t i = 0; i < index.size(); ++i) source += index[i] * strides[i];
    for (std::int64_t i = 0; i < inner_count; ++i, at += run, source += inner_stride) copier.copy(at, source, run);
  });
  return to;
}

std::int64_t product(const Dims& dims, std::size_t begin, std::size_t end) {
  std::int64_t count = 1;
  for (std::size_t i = begin; i < end; ++i) {
    if (dims[i] == 0) return 0;
  }
  for (std::size_t i = begin; i < end; ++i) {
    if (__builtin_mul_overflow(count, dims[i], &count)) return 0;  // another size of dims is 0: nothing to count
  }
  return count;
}

Result<Tensor> transposed(const Tensor& tensor, const std::vector<std::int64_t>& permutation) {
  const Dims strides = strides_of(tensor.dims());
  Dims dims(tensor.rank());
  Dims permuted(tensor.rank());
  for (std::size_t i = 0; i < permutation.size(); ++i) {
    dims[i] = tensor.dim(static_cast<std::size_t>(permutation[i]));
    permuted[i] = strides[static_cast<std::size_t>(permutation[i])];
  }
  return strided_copy(tensor, std::move(dims), 0, permuted);
}

Result<Tensor> broadcast_to(const Tensor& tensor, const Dims& dims) {
  if (tensor.dims() == dims) return tensor;
  const auto refuse = [&] {
    return invalid_argument("shape {} cannot be broadcast to {}", to_string(tensor.dims()), to_string(dims));
  };
  if (tensor.rank() > dims.size()) return refuse();
  const Dims own = strides_of(tensor.dims());
  const std::size_t lead = dims.size() - tensor.rank();
  Dims strides(dims.size(), 0);
  for (std::size_t i = 0; i < tensor.rank(); ++i) {
    if (tensor.dim(i) == dims[lead + i]) {
      strides[lead + i] = own[i];
    } else if (tensor.dim(i) != 1) {
      return refuse();
    }
  }
  return strided_copy(tensor, dims, 0, strides);
}

}  // namespace cycloid
