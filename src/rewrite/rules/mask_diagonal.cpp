// reduce_sum(where(eye, a, 0)) => reduce_sum(diagonal(a)), and reduce_sum(a * eye) for integers
// gather_nd(a, [[0, 0], [1, 1], ...]) => diagonal(a), and what boolean indexing with eye is written as
#include <algorithm>

#include "rewrite/rules/diagonal.h"
#include "rewrite/rules/permutation.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Compress", "GatherND", "ReduceSum"};
constexpr std::int64_t kFewestPairs = 16;  // for fewer, one GatherND is cheaper than Reshape and Slice

bool is_zero(const Tensor* tensor) {
  if (tensor == nullptr || tensor->element_count() != 1) return false;
  bool zero = false;
  dispatch<float, double, std::int32_t, std::int64_t>(tensor->dtype(),
                                                      [&]<class T>(T) { zero = tensor->data<T>()[0] == T(); });
  return zero;
}

// The matrix of which only the diagonal is left, and 0 elsewhere.
ValueId masked_matrix(const RuleContext& context, ValueId id) {
  if (const Node* where = context.producer(id, "Where")) {
    const bool fits = is_identity_matrix(context, where->inputs[0], where->inputs[1]);
    return fits && is_zero(context.graph.constant(where->inputs[2])) ? where->inputs[1] : ValueId{};
  }
  const Node* mul = context.producer(id, "Mul");
  // 0 * NaN is NaN: beside the diagonal, too.
  if (mul == nullptr || (is_floating_point(context.dtype(id)) && !context.assume_finite)) return {};
  for (const std::size_t i : {0U, 1U}) {
    if (is_identity_matrix(context, mul->inputs[i], mul->inputs[1 - i])) return mul->inputs[1 - i];
  }
  return {};
}

// The axes, in [0, 2), of a matrix; empty where they are not known.
std::vector<std::int64_t> axes_of(const RuleContext& context, const Node& node) {
  if (node.inputs.size() < 2 || !node.inputs[1].valid()) {
    const auto noop = get_int(node, "noop_with_empty_axes", 0);
    return noop && *noop == 0 ? std::vector<std::int64_t>{0, 1} : std::vector<std::int64_t>{};
  }
  const Tensor* tensor = context.graph.constant(node.inputs[1]);
  if (tensor == nullptr) return {};
  std::vector<std::int64_t> axes = to_int64s(*tensor);
  for (std::int64_t& axis : axes) axis += axis < 0 ? 2 : 0;
  std::ranges::sort(axes);
  return axes;
}

std::optional<Patch> reduce(const RuleContext& context, const Node& node) {
  const ValueId matrix = masked_matrix(context, node.inputs[0]);
  const auto keep = get_int(node, "keepdims", 1);
  const Shape* shape = matrix.valid() ? context.shape(matrix) : nullptr;
  if (shape == nullptr || shape->size() != 2 || !keep) return std::nullopt;
  const auto axes = axes_of(context, node);
  Patch patch;
  const auto diagonal = diagonal_of(context, patch, matrix);
  if (!diagonal) return std::nullopt;
  if (axes == std::vector<std::int64_t>{0, 1}) {
    auto sum = patch.node("ReduceSum", {*diagonal}, {{"keepdims", *keep}});
    if (*keep != 0) sum = patch.node("Unsqueeze", {sum, patch.constant("axes", int64s(std::vector<std::int64_t>{0}))});
    patch.replace(node.outputs[0], sum);
    return patch;
  }
  // One element a row or column: the diagonal itself, where it reaches all of them.
  if (axes.size() != 1 || !((*shape)[0] == (*shape)[1])) return std::nullopt;
  patch.replace(node.outputs[0],
                *keep != 0 ? patch.node("Unsqueeze", {*diagonal, patch.constant("axes", int64s(axes))}) : *diagonal);
  return patch;
}

std::optional<Patch> diagonal(const RuleContext& context, const Node& node, ValueId matrix) {
  Patch patch;
  const auto elements = diagonal_of(context, patch, matrix);
  if (!elements) return std::nullopt;
  patch.replace(node.outputs[0], *elements);
  return patch;
}

// compress(a, reshape(eye, [-1])), where a may have been flattened too.
std::optional<Patch> compress(const RuleContext& context, const Node& node) {
  const auto in_one_row = [&](ValueId id) {
    const Node* reshape = context.producer(id, "Reshape");
    const Shape* shape = context.shape(id);
    return reshape != nullptr && shape != nullptr && shape->size() == 1 ? reshape->inputs[0] : id;
  };
  const ValueId mask = in_one_row(node.inputs[1]);
  const ValueId matrix = in_one_row(node.inputs[0]);
  if (has_attribute(node, "axis") && matrix == node.inputs[0]) return std::nullopt;  // rows or columns
  return is_identity_matrix(context, mask, matrix) ? diagonal(context, node, matrix) : std::nullopt;
}

// gather_nd(a, transpose(non_zero(eye)))
bool picks_identity(const RuleContext& context, const Node& node) {
  const Node* transpose = context.producer(node.inputs[1], "Transpose");
  const Node* places = transpose != nullptr ? context.producer(transpose->inputs[0], "NonZero") : nullptr;
  const auto p = places != nullptr ? permutation_of(context, *transpose) : std::nullopt;
  return p == Permutation{1, 0} && is_identity_matrix(context, places->inputs[0], node.inputs[0]);
}

std::optional<Patch> gather(const RuleContext& context, const Node& node) {
  const Tensor* indices = context.graph.constant(node.inputs[1]);
  const Shape* shape = context.shape(node.inputs[0]);
  const auto batch = get_int(node, "batch_dims", 0);
  if (shape == nullptr || shape->size() != 2 || !batch || *batch != 0) return std::nullopt;
  if (picks_identity(context, node)) return diagonal(context, node, node.inputs[0]);
  if (indices == nullptr) return std::nullopt;
  const auto dims = known_dims(*shape);
  if (!dims || indices->rank() != 2 || indices->dim(1) != 2 || indices->dim(0) != std::min((*dims)[0], (*dims)[1]))
    return std::nullopt;
  if (indices->dim(0) < kFewestPairs) return std::nullopt;
  const auto places = to_int64s(*indices);
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] != static_cast<std::int64_t>(i / 2)) return std::nullopt;
  }
  return diagonal(context, node, node.inputs[0]);
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  if (node.op_type == "Compress") return compress(context, node);
  return node.op_type == "GatherND" ? gather(context, node) : reduce(context, node);
}

}  // namespace

const Rule kMaskDiagonal = {
    .name = "mask-diagonal",
    .law = "reduce_sum(where(eye, a, 0)) => reduce_sum(a's elements n + 1 apart); a[eye] => those elements",
    .why = "Only the diagonal counts, and its elements stand evenly apart in memory.",
    .kind = RuleKind::kCheaperNode,
    .exact = false,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
