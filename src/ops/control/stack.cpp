#include "ops/control/stack.h"

#include <numeric>

#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/concat.h"
#include "ops/tensor/movement.h"

namespace cycloid {

Result<Tensor> stack(const EvalContext& context, std::span<const Datum> items, std::size_t axis,
                     const ValueType& type) {
  if (items.empty()) {
    if (!type.is_tensor() || type.dtype == DType::kUndefined || !type.shape) {
      return unsupported("a loop that runs no iteration, and whose scan output is of unknown type");
    }
    Dims dims;
    for (const Dim& dim : *type.shape) dims.push_back(dim.known().value_or(0));
    dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(std::min(axis, dims.size())), 0);
    return Tensor::zeros(type.dtype, dims);
  }
  std::vector<Tensor> rows;
  for (const Datum& item : items) {
    const Tensor* tensor = item.tensor();
    if (tensor == nullptr) return invalid_argument("a scan output is no tensor");
    Dims dims = tensor->dims();
    dims.insert(dims.begin(), 1);
    rows.push_back(tensor->reshaped(std::move(dims)));
  }
  const std::size_t rank = rows[0].rank();
  if (axis >= rank) return invalid_argument("scan output axis {} is out of range for rank {}", axis, rank);
  Dims all = rows[0].dims();
  all[0] = static_cast<std::int64_t>(rows.size());
  CYCLOID_TRY(check_fits(context, rows[0].dtype(), all));
  std::vector<const Tensor*> pointers;
  for (const Tensor& row : rows) pointers.push_back(&row);
  CYCLOID_ASSIGN(Tensor joined, concatenate(pointers, 0));
  if (axis == 0) return joined;
  std::vector<std::int64_t> permutation(rank - 1);
  std::iota(permutation.begin(), permutation.end(), 1);
  permutation.insert(permutation.begin() + static_cast<std::ptrdiff_t>(axis), 0);
  return transposed(joined, permutation);
}

ValueType stacked_type(const ValueType& type, std::int64_t axis, const Dim& size) {
  ValueType stacked = type;
  if (stacked.shape && axis >= 0 && axis <= static_cast<std::int64_t>(stacked.shape->size())) {
    stacked.shape->insert(stacked.shape->begin() + axis, size);
  } else {
    stacked.shape = std::nullopt;
  }
  return stacked;
}

Status HeldStrings::add(const EvalContext& context, const Datum& item) {
  const Tensor* tensor = item.tensor();
  if (tensor == nullptr || tensor->dtype() != DType::kString) return {};
  for (const std::string& text : tensor->data<std::string>()) bytes_ += text.size();
  if (bytes_ <= context.bytes_left()) return {};
  return make_error(ErrorCode::kResourceExhausted, "the scan outputs of the iterations take more memory than is left");
}

}  // namespace cycloid
