// Squeeze and Unsqueeze: axes of size 1 removed and put in.
#include <algorithm>

#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/list.h"

namespace cycloid {
namespace {

using Ints = std::vector<std::int64_t>;

// `shape` without the axes; nullopt where none are given and a size may or may not be 1.
Result<std::optional<Shape>> squeezed(const Shape& shape, const std::optional<Ints>& axes_given) {
  Shape result;
  if (!axes_given) {
    for (const Dim& dim : shape) {
      if (!dim.is_known()) return std::optional<Shape>();
      if (!dim.is(1)) result.push_back(dim);
    }
    return std::optional<Shape>(std::move(result));
  }
  CYCLOID_ASSIGN(const Ints axes, normalize_axes(*axes_given, shape.size()));
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (std::ranges::find(axes, static_cast<std::int64_t>(i)) == axes.end()) {
      result.push_back(shape[i]);
    } else if (shape[i].is_known() && !shape[i].is(1)) {
      return invalid_argument("axis {} of shape {} cannot be squeezed: its size is not 1", i, to_string(shape));
    }
  }
  return std::optional<Shape>(std::move(result));
}

Result<Shape> unsqueezed(const Shape& shape, const Ints& axes_given) {
  CYCLOID_ASSIGN(const Ints axes, normalize_axes(axes_given, shape.size() + axes_given.size()));
  Shape result;
  std::size_t from = 0;
  for (std::size_t i = 0; i < shape.size() + axes.size(); ++i) {
    const bool added = std::ranges::find(axes, static_cast<std::int64_t>(i)) != axes.end();
    result.push_back(added ? Dim(1) : shape[from++]);
  }
  return result;
}

// Shape data stays what it is while the rank is 0 or 1.
void pass_shape_data(InferContext& context, const std::optional<Shape>& shape) {
  if (!shape || shape->size() > 1) return;
  if (auto data = context.shape_data(0)) context.set_shape_data(0, *std::move(data));
}

Status infer_squeeze(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0));
  CYCLOID_ASSIGN(const auto axes, optional_input_type(context, 1, kInt64Type));
  ValueType y = ValueType::tensor(x.dtype);
  const auto known = known_integers(context, 1);
  if (x.shape && (known || !axes)) {
    CYCLOID_ASSIGN(y.shape, squeezed(*x.shape, known));
  }
  pass_shape_data(context, y.shape);
  context.set_output(0, std::move(y));
  return {};
}

Result<std::vector<Datum>> evaluate_squeeze(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* axes, optional_tensor_input(context, 1, kInt64Type));
  std::optional<Ints> given;
  if (axes != nullptr) {
    CYCLOID_ASSIGN(given, integers(*axes, "axes"));
  }
  CYCLOID_ASSIGN(const auto shape, squeezed(to_shape(x->dims()), given));
  CYCLOID_ASSIGN(Dims dims, concrete(*shape));
  return outputs(x->reshaped(std::move(dims)));
}

Status infer_unsqueeze(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0));
  CYCLOID_TRY(input_type(context, 1, kInt64Type));
  ValueType y = ValueType::tensor(x.dtype);
  const auto axes = known_integers(context, 1);
  if (x.shape && axes) {
    CYCLOID_ASSIGN(y.shape, unsqueezed(*x.shape, *axes));
  }
  pass_shape_data(context, y.shape);
  context.set_output(0, std::move(y));
  return {};
}

Result<std::vector<Datum>> evaluate_unsqueeze(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* axes, tensor_input(context, 1, kInt64Type));
  CYCLOID_ASSIGN(const Ints given, integers(*axes, "axes"));
  CYCLOID_ASSIGN(const Shape shape, unsqueezed(to_shape(x->dims()), given));
  CYCLOID_ASSIGN(Dims dims, concrete(shape));
  return outputs(x->reshaped(std::move(dims)));
}

}  // namespace

const Op kSqueeze = {.domain = "",
                     .name = "Squeeze",
                     .since = 13,
                     .min_inputs = 1,
                     .max_inputs = 2,
                     .infer = infer_squeeze,
                     .evaluate = evaluate_squeeze};
const Op kUnsqueeze = {.domain = "",
                       .name = "Unsqueeze",
                       .since = 13,
                       .min_inputs = 2,
                       .max_inputs = 2,
                       .infer = infer_unsqueeze,
                       .evaluate = evaluate_unsqueeze};

}  // namespace cycloid
