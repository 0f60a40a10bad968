// Flatten: a matrix of the sizes before `axis` and those from it on.
#include "base/error.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/list.h"

namespace cycloid {
namespace {

Result<Shape> flat_shape(const Node& node, const Shape& x) {
  CYCLOID_ASSIGN(std::int64_t axis, get_int(node, "axis", 1));
  const auto rank = static_cast<std::int64_t>(x.size());
  if (axis < -rank || axis > rank)
    return invalid_argument("axis {} is out of range for a tensor of rank {}", axis, rank);
  if (axis < 0) axis += rank;
  return Shape{element_count(Shape(x.begin(), x.begin() + axis)), element_count(Shape(x.begin() + axis, x.end()))};
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0));
  ValueType y = ValueType::tensor(x.dtype, {Dim::unknown(), Dim::unknown()});
  if (x.shape) {
    CYCLOID_ASSIGN(y.shape, flat_shape(context.node(), *x.shape));
  }
  context.set_output(0, std::move(y));
  return {};
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Shape shape, flat_shape(context.node(), to_shape(x->dims())));
  CYCLOID_ASSIGN(Dims dims, concrete(shape));
  return outputs(x->reshaped(std::move(dims)));
}

}  // namespace

const Op kFlatten = {.domain = "",
                     .name = "Flatten",
                     .since = 11,
                     .min_inputs = 1,
                     .max_inputs = 1,
                     .infer = infer,
                     .evaluate = evaluate};

}  // namespace cycloid
