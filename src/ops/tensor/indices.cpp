#include "ops/tensor/indices.h"

#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"

namespace cycloid {

Result<std::int64_t> normalize_index(std::int64_t index, std::int64_t size) {
  if (index < -size || index >= size) return invalid_argument("index {} is out of range for size {}", index, size);
  return index < 0 ? index + size : index;
}

Result<SliceList> slices_of(const Dims& data, const Tensor& indices, std::size_t batch_axes) {
  if (indices.rank() < 1 || batch_axes >= indices.rank() || batch_axes > data.size()) {
    return invalid_argument("indices of shape {} with {} batch axes do not fit data of shape {}",
                            to_string(indices.dims()), batch_axes, to_string(data));
  }
  for (std::size_t i = 0; i < batch_axes; ++i) {
    if (data[i] != indices.dim(i)) {
      return invalid_argument("batch axes of data {} and indices {} differ", to_string(data),
                              to_string(indices.dims()));
    }
  }
  const std::int64_t length = indices.dims().back();
  if (length > static_cast<std::int64_t>(data.size() - batch_axes)) {
    return invalid_argument("indices of {} axes do not fit data of shape {} with {} batch axes", length,
                            to_string(data), batch_axes);
  }
  const Dims strides = strides_of(data);
  const std::size_t inner = batch_axes + static_cast<std::size_t>(length);
  SliceList list;
  list.run = product(data, inner, data.size());
  const std::vector<std::int64_t> values = to_int64s(indices);
  const std::int64_t batches = product(data, 0, batch_axes);
  const std::int64_t tuples = product(indices.dims(), batch_axes, indices.rank() - 1);
  const std::int64_t batch_stride = product(data, batch_axes, data.size());
  std::size_t at = 0;
  for (std::int64_t b = 0; b < batches; ++b) {
    for (std::int64_t t = 0; t < tuples; ++t) {
      std::int64_t first = b * batch_stride;
      for (std::size_t i = batch_axes; i < inner; ++i) {
        CYCLOID_ASSIGN(const std::int64_t index, normalize_index(values[at++], data[i]));
        first += index * strides[i];
      }
      list.firsts.push_back(first);
    }
  }
  return list;
}

Result<std::vector<std::int64_t>> elements_of(const Dims& data, const Tensor& indices, std::size_t axis) {
  if (indices.rank() != data.size()) {
    return invalid_argument("indices of shape {} must have the rank of data {}", to_string(indices.dims()),
                            to_string(data));
  }
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (i != axis && indices.dim(i) > data[i]) {
      return invalid_argument("indices of shape {} exceed data {} along axis {}", to_string(indices.dims()),
                              to_string(data), i);
    }
  }
  const Dims strides = strides_of(data);
  const std::vector<std::int64_t> values = to_int64s(indices);
  for (const std::int64_t value : values) CYCLOID_TRY(normalize_index(value, data[axis]));
  std::vector<std::int64_t> elements;
  elements.reserve(values.size());
  for_each_index(indices.dims(), [&](const Dims& index) {
    std::int64_t flat = 0;
    for (std::size_t i = 0; i < index.size(); ++i) {
      const std::int64_t value = values[elements.size()];
      flat += (i != axis ? index[i] : value < 0 ? value + data[axis] : value) * strides[i];
    }
    elements.push_back(flat);
  });
  return elements;
}

}  // namespace cycloid
