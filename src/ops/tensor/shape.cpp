// Shape and Size: the sizes of a tensor, and their product.
#include <algorithm>

#include "ops/tensor/arguments.h"
#include "ops/tensor/list.h"

namespace cycloid {
namespace {

struct AxisRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// The attributes start and end, clamped to the rank.
Result<AxisRange> axis_range(const Node& node, std::size_t rank) {
  const auto r = static_cast<std::int64_t>(rank);
  CYCLOID_ASSIGN(std::int64_t start, get_int(node, "start", 0));
  CYCLOID_ASSIGN(std::int64_t end, get_int(node, "end", r));
  const auto clamp = [r](std::int64_t axis) { return std::clamp<std::int64_t>(axis < 0 ? axis + r : axis, 0, r); };
  start = clamp(start);
  end = std::max(clamp(end), start);
  return AxisRange{static_cast<std::size_t>(start), static_cast<std::size_t>(end)};
}

Status infer_shape(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0));
  if (!x.shape) {
    context.set_output(0, ValueType::tensor(DType::kInt64, {Dim::unknown()}));
    return {};
  }
  CYCLOID_ASSIGN(const AxisRange range, axis_range(context.node(), x.shape->size()));
  ShapeData sizes(x.shape->begin() + static_cast<std::ptrdiff_t>(range.begin),
                  x.shape->begin() + static_cast<std::ptrdiff_t>(range.end));
  context.set_output(0, ValueType::tensor(DType::kInt64, {static_cast<std::int64_t>(sizes.size())}));
  context.set_shape_data(0, std::move(sizes));
  return {};
}

Result<std::vector<Datum>> evaluate_shape(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const AxisRange range, axis_range(context.node(), x->rank()));
  return outputs(int64s(std::span(x->dims()).subspan(range.begin, range.end - range.begin)));
}

Status infer_size(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0));
  context.set_output(0, ValueType::tensor(DType::kInt64, Shape{}));
  if (x.shape) context.set_shape_data(0, {element_count(*x.shape)});
  return {};
}

Result<std::vector<Datum>> evaluate_size(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  return outputs(Tensor::scalar<std::int64_t>(x->element_count()));
}

// Sizes are known without reading an element.
Result<Cost> cost_of_result(const Graph& graph, const Node& node) {
  const Shape* shape = node.outputs[0].valid() && graph.value(node.outputs[0]).type.shape
                           ? &*graph.value(node.outputs[0]).type.shape
                           : nullptr;
  return Cost{0, shape != nullptr ? element_count(*shape) * 8 : Dim::unknown()};
}

}  // namespace

const Op kShape = {.domain = "",
                   .name = "Shape",
                   .since = 15,
                   .min_inputs = 1,
                   .max_inputs = 1,
                   .infer = infer_shape,
                   .evaluate = evaluate_shape,
                   .cost = cost_of_result};
const Op kSize = {.domain = "",
                  .name = "Size",
                  .since = 1,
                  .min_inputs = 1,
                  .max_inputs = 1,
                  .infer = infer_size,
                  .evaluate = evaluate_size,
                  .cost = cost_of_result};

}  // namespace cycloid
