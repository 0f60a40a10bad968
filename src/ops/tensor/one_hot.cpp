// OneHot: indices as rows with one element "on".
#include <cmath>

#include "base/error.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/list.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

constexpr DTypeSet kIndices = kInts | DTypeSet{DType::kFloat16, DType::kFloat32, DType::kFloat64};

// Where the new axis is, in a tensor of one axis more.
Result<std::int64_t> new_axis(const Node& node, std::size_t rank) {
  CYCLOID_ASSIGN(const std::int64_t axis, get_int(node, "axis", -1));
  return normalize_axis(axis, rank + 1);
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType indices, input_type(context, 0, kIndices));
  CYCLOID_ASSIGN(const ValueType depth, input_type(context, 1, kIndices));
  CYCLOID_ASSIGN(const ValueType values, input_type(context, 2));
  CYCLOID_TRY(check_rank(values, 1, "values"));
  if (values.shape) CYCLOID_TRY(check_equal((*values.shape)[0], 2, "the elements of values, and 2,"));
  ValueType y = ValueType::tensor(values.dtype);
  if (indices.shape) {
    CYCLOID_ASSIGN(const std::int64_t axis, new_axis(context.node(), indices.shape->size()));
    y.shape = indices.shape;
    Dim size = Dim::unknown();
    if (const auto data = context.shape_data(1); data && data->size() == 1) size = (*data)[0];
    if (size.is_known() && size.value() < 0) return invalid_argument("depth is negative: {}", size.value());
    y.shape->insert(y.shape->begin() + axis, size);
  }
  context.set_output(0, std::move(y));
  return {};
}

// A number as an index: truncated, or -1 beyond int64 or for a NaN.
Result<std::vector<std::int64_t>> indices_of(const Tensor& tensor) {
  if (is_integer(tensor.dtype())) return to_int64s(tensor);
  CYCLOID_ASSIGN(const auto values, doubles(tensor));
  std::vector<std::int64_t> indices;
  constexpr double kLimit = 9.0e18;
  for (const double value : values) {
    indices.push_back(value > -kLimit && value < kLimit ? static_cast<std::int64_t>(value) : INT64_MIN);
  }
  return indices;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* index_tensor, tensor_input(context, 0, kIndices));
  CYCLOID_ASSIGN(const Tensor* depth_tensor, tensor_input(context, 1, kIndices));
  CYCLOID_ASSIGN(const Tensor* values, tensor_input(context, 2));
  if (depth_tensor->element_count() != 1) return invalid_argument("depth must be one number");
  if (values->dims() != Dims{2})
    return invalid_argument("values must be two elements, but has shape {}", to_string(values->dims()));
  CYCLOID_ASSIGN(const auto depths, indices_of(*depth_tensor));
  const std::int64_t depth = depths[0];
  if (depth < 0) return invalid_argument("depth is negative or no number: {}", depth);
  CYCLOID_ASSIGN(const std::int64_t axis, new_axis(context.node(), index_tensor->rank()));
  CYCLOID_ASSIGN(const auto indices, indices_of(*index_tensor));
  Dims dims = index_tensor->dims();
  dims.insert(dims.begin() + axis, depth);
  CYCLOID_TRY(concrete(to_shape(dims)));
  CYCLOID_TRY(check_fits(context, values->dtype(), dims));
  CYCLOID_ASSIGN(Tensor y, strided_copy(*values, dims, 0, Dims(dims.size(), 0)));  // all "off"
  if (y.element_count() == 0) return outputs(std::move(y));
  const std::int64_t inner = product(dims, static_cast<std::size_t>(axis) + 1, dims.size());
  const ElementCopier copier(*values, y);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const std::int64_t index = indices[i] < 0 && indices[i] >= -depth ? indices[i] + depth : indices[i];
    if (index < 0 || index >= depth) continue;
    const auto at = static_cast<std::int64_t>(i);
    copier.copy((at / inner * depth + index) * inner + at % inner, 1);
  }
  return outputs(std::move(y));
}

}  // namespace

const Op kOneHot = {.domain = "",
                    .name = "OneHot",
                    .since = 11,
                    .min_inputs = 3,
                    .max_inputs = 3,
                    .infer = infer,
                    .evaluate = evaluate};

}  // namespace cycloid
