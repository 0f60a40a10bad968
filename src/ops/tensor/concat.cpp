#include "ops/tensor/concat.h"

#include <algorithm>

#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/list.h"
#include "ops/tensor/movement.h"

namespace cycloid {

Result<Tensor> concatenate(std::span<const Tensor* const> tensors, std::int64_t axis_given) {
  const Tensor& first = *tensors[0];
  CYCLOID_ASSIGN(const std::int64_t signed_axis, normalize_axis(axis_given, first.rank()));
  const auto axis = static_cast<std::size_t>(signed_axis);
  Shape shape = to_shape(first.dims());
  shape[axis] = 0;
  for (const Tensor* tensor : tensors) {
    CYCLOID_TRY(check_same_dtype(first, *tensor, "joined tensors"));
    Dims others = tensor->dims();
    if (others.size() == first.rank()) others[axis] = first.dim(axis);
    if (others != first.dims()) {
      return invalid_argument("shapes {} and {} cannot be joined along axis {}", to_string(first.dims()),
                              to_string(tensor->dims()), axis);
    }
    shape[axis] = shape[axis] + tensor->dim(axis);
  }
  CYCLOID_ASSIGN(const Dims dims, concrete(shape));
  CYCLOID_ASSIGN(Tensor result, Tensor::empty(first.dtype(), dims));
  if (result.element_count() == 0) return result;
  const std::int64_t outer = product(dims, 0, axis);
  const std::int64_t inner = product(dims, axis + 1, dims.size());
  std::int64_t offset = 0;
  for (const Tensor* tensor : tensors) {
    const std::int64_t run = tensor->dim(axis) * inner;
    if (run == 0) continue;
    const ElementCopier copier(*tensor, result);
    for (std::int64_t i = 0; i < outer; ++i) copier.copy(i * dims[axis] * inner + offset, i * run, run);
    offset += run;
  }
  return result;
}

namespace {

Result<std::int64_t> axis_of(const Node& node) {
  if (!has_attribute(node, "axis")) return invalid_model("Concat needs the attribute axis");
  return get_int(node, "axis", 0);
}

// The inputs' shapes joined; nullopt where not all of the ranks are known.
Result<std::optional<Shape>> joined_shape(InferContext& context, std::int64_t axis_given) {
  std::optional<Shape> shape;
  Dim total = 0;
  bool all = true;
  for (std::size_t i = 0; i < context.input_count(); ++i) {
    CYCLOID_ASSIGN(const ValueType x, input_type(context, i));
    if (!x.shape) {
      all = false;
      continue;
    }
    CYCLOID_ASSIGN(const std::int64_t signed_axis, normalize_axis(axis_given, x.shape->size()));
    const auto axis = static_cast<std::size_t>(signed_axis);
    total = total + (*x.shape)[axis];
    if (!shape) {
      shape = x.shape;
      continue;
    }
    if (shape->size() != x.shape->size()) {
      return invalid_argument("shapes {} and {} cannot be joined", to_string(*shape), to_string(*x.shape));
    }
    for (std::size_t j = 0; j < shape->size(); ++j) {
      if (j == axis) continue;
      if (auto status = check_equal((*shape)[j], (*x.shape)[j], "sizes"); !status) {
        return invalid_argument("shapes {} and {} cannot be joined along axis {}", to_string(*shape),
                                to_string(*x.shape), axis);
      }
      (*shape)[j] = known_of((*shape)[j], (*x.shape)[j]);
    }
  }
  if (!shape) return shape;
  CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(axis_given, shape->size()));
  (*shape)[static_cast<std::size_t>(axis)] = all ? total : Dim::unknown();
  return shape;
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const std::int64_t axis, axis_of(context.node()));
  CYCLOID_ASSIGN(const DType dtype, common_dtype(context));
  ValueType y = ValueType::tensor(dtype);
  CYCLOID_ASSIGN(y.shape, joined_shape(context, axis));
  const bool flat = y.shape && y.shape->size() == 1;
  context.set_output(0, std::move(y));
  ShapeData data;
  for (std::size_t i = 0; flat && i < context.input_count(); ++i) {
    const auto part = context.shape_data(i);
    if (!part) return {};
    data.insert(data.end(), part->begin(), part->end());
  }
  if (flat) context.set_shape_data(0, std::move(data));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const std::int64_t axis, axis_of(context.node()));
  std::vector<const Tensor*> tensors;
  for (std::size_t i = 0; i < context.input_count(); ++i) {
    CYCLOID_ASSIGN(const Tensor* tensor, tensor_input(context, i));
    tensors.push_back(tensor);
  }
  if (tensors.empty()) return invalid_model("Concat needs an input");
  CYCLOID_ASSIGN(Tensor y, concatenate(tensors, axis));
  return outputs(std::move(y));
}

}  // namespace

const Op kConcat = {.domain = "",
                    .name = "Concat",
                    .since = 4,
                    .min_inputs = 1,
                    .max_inputs = Op::kVariadic,
                    .infer = infer,
                    .evaluate = evaluate};

}  // namespace cycloid
