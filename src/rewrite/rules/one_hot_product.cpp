// matmul(one_hot(i, n), w) => gather(concat(w, 0), where(0 <= i < n, i, n))
//
// An index outside the range makes a row of zeros, which a row behind the weights is. The weights must be known to be
// finite, as 0 * infinity is NaN.
#include <algorithm>
#include <cmath>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"MatMul"};

struct OneHot {
  ValueId indices;
  std::int64_t depth = 0;
  bool wraps = false;  // -1 is the last
};

// OneHot along the last axis, with ones and zeros.
std::optional<OneHot> one_hot(const RuleContext& context, const Node& node) {
  const auto depth = context.constant_ints(node.inputs[1]);
  const Tensor* values = context.constant(node.inputs[2]);
  const Shape* shape = context.shape(node.outputs[0]);
  if (!depth || depth->size() != 1 || values == nullptr || values->dtype() != DType::kFloat32 || shape == nullptr)
    return std::nullopt;
  if (values->element_count() != 2 || values->data<float>()[0] != 0 || values->data<float>()[1] != 1)
    return std::nullopt;
  const auto axis = axis_attribute(node, "axis", -1, shape->size());
  if (axis != static_cast<std::int64_t>(shape->size()) - 1) return std::nullopt;
  return OneHot{node.inputs[0], (*depth)[0], true};
}

// cast(unsqueeze(i, last) == [0, 1, ..., n - 1])
std::optional<OneHot> compared(const RuleContext& context, const Node& cast) {
  const Node* equal = context.producer(cast.inputs[0], "Equal");
  const Shape* shape = context.shape(cast.outputs[0]);
  if (equal == nullptr || shape == nullptr || shape->empty()) return std::nullopt;
  for (const std::size_t k : {0U, 1U}) {
    const auto range = context.constant_ints(equal->inputs[1 - k]);
    const Shape* range_shape = context.shape(equal->inputs[1 - k]);
    const Node* unsqueeze = context.producer(equal->inputs[k], "Unsqueeze");
    if (!range || range_shape == nullptr || range_shape->empty() || unsqueeze == nullptr) continue;
    if (!range_shape->back().is(static_cast<std::int64_t>(range->size()))) continue;
    if (range_shape->size() > shape->size()) continue;
    const auto axes = axes_input(context, *unsqueeze, 1, shape->size());
    if (axes != Ints{static_cast<std::int64_t>(shape->size()) - 1}) continue;
    bool counts = true;
    for (std::size_t i = 0; i < range->size(); ++i) counts = counts && (*range)[i] == static_cast<std::int64_t>(i);
    if (counts) return OneHot{unsqueeze->inputs[0], static_cast<std::int64_t>(range->size()), false};
  }
  return std::nullopt;
}

bool is_finite(const Tensor& tensor) {
  const auto data = tensor.data<float>();
  return std::ranges::all_of(data, [](float x) { return std::isfinite(x); });
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& product = context.graph.node(root);
  const Tensor* weights = context.constant(product.inputs[1]);
  const Node* node = context.graph.producer(product.inputs[0]);
  if (weights == nullptr || weights->rank() != 2 || weights->dtype() != DType::kFloat32 || node == nullptr)
    return std::nullopt;
  if (!node->domain.empty() || !only_user(context, product.inputs[0]).valid()) return std::nullopt;
  std::optional<OneHot> found;
  if (node->op_type == "OneHot") found = one_hot(context, *node);
  if (node->op_type == "Cast") found = compared(context, *node);
  if (!found || found->depth != weights->dim(0) || found->depth < 1 || !is_finite(*weights)) return std::nullopt;
  if (context.shape(product.inputs[0])->size() < 2) return std::nullopt;
  const DType dtype = context.dtype(found->indices);
  if (dtype != DType::kInt64 && dtype != DType::kInt32) return std::nullopt;

  Patch patch;
  const auto number = [&](std::int64_t value) {
    return patch.constant("bound", dtype == DType::kInt64 ? Tensor::scalar<std::int64_t>(value)
                                                          : Tensor::scalar(static_cast<std::int32_t>(value)));
  };
  Dims dims = {weights->dim(0) + 1, weights->dim(1)};
  Tensor table = Tensor::zeros(DType::kFloat32, dims).value();
  std::ranges::copy(weights->data<float>(), table.mutable_data<float>().begin());
  const auto rows = patch.constant(context.value(product.inputs[1]).name, std::move(table));
  const Patch::Ref i = found->indices;
  const auto not_below = patch.node("GreaterOrEqual", {i, number(found->wraps ? -found->depth : 0)});
  const auto inside = patch.node("And", {not_below, patch.node("Less", {i, number(found->depth)})});
  const auto wrapped = found->wraps ? patch.node("Mod", {i, number(found->depth)}) : i;
  const auto index = patch.node("Where", {inside, wrapped, number(found->depth)});
  patch.replace(product.outputs[0], patch.node("Gather", {rows, index}, {{"axis", std::int64_t{0}}}));
  return patch;
}

}  // namespace

const Rule kOneHotProduct = {
    .name = "one-hot-product",
    .law = "matmul(one_hot(i), w) => gather(w and a row of zeros, i where it is in range)",
    .why = "A row with a single 1 takes out one row of the weights, which can be read without a product.",
    .kind = RuleKind::kCheaperSubgraph,
    .cost_decides = true,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
