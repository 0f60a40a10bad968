// g(f(x)) => reshape(x, shape of g's result) where f and g are Reshape, Flatten, Squeeze or Unsqueeze, or one of them is a
// Transpose that only moves axes of size 1
#include <algorithm>

#include "rewrite/match.h"
#include "rewrite/rules/permutation.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze"};
constexpr std::string_view kReshapes[] = {"Flatten", "Reshape", "Squeeze", "Unsqueeze"};

// The axes whose size is not 1 keep their order.
bool moves_ones_only(const RuleContext& context, const Node& node) {
  if (!node.domain.empty() || node.op_type != "Transpose") return false;
  const Shape* shape = context.shape(node.inputs[0]);
  const auto permutation = permutation_of(context, node);
  if (shape == nullptr || !permutation || permutation->size() != shape->size()) return false;
  std::int64_t last = -1;
  for (const std::int64_t axis : *permutation) {
    if ((*shape)[static_cast<std::size_t>(axis)].is(1)) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

// A shape that does not refer to the input's form by zeros can be used for any other form of the same elements.
bool stands_alone(const RuleContext& context, const Node& reshape) {
  if (reshape.op_type != "Reshape") return false;
  const auto shape = context.constant_ints(reshape.inputs[1]);
  if (!shape) return false;
  const auto allow_zero = get_int(reshape, "allowzero", 0);
  return (allow_zero && *allow_zero != 0) || std::ranges::count(*shape, 0) == 0;
}

// unsqueeze(unsqueeze(x, a), b): the axes of the last result that were put in.
std::optional<Patch> merge_unsqueezes(const RuleContext& context, const Node& outer, const Node& inner) {
  if (outer.op_type != "Unsqueeze" || inner.op_type != "Unsqueeze") return std::nullopt;
  const Shape* middle = context.shape(outer.inputs[0]);
  const Shape* last = context.shape(outer.outputs[0]);
  if (middle == nullptr || last == nullptr) return std::nullopt;
  const auto first = axes_input(context, inner, 1, middle->size());
  const auto second = axes_input(context, outer, 1, last->size());
  if (!first || !second) return std::nullopt;
  Ints axes;
  std::int64_t place = 0;  // in the middle value
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(last->size()); ++i) {
    if (std::ranges::count(*second, i) != 0) {
      axes.push_back(i);
    } else if (std::ranges::count(*first, place++) != 0) {
      axes.push_back(i);
    }
  }
  Patch patch;
  patch.replace(outer.outputs[0], patch.node("Unsqueeze", {inner.inputs[0], patch.constant("axes", int64s(axes))}));
  return patch;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& outer = context.graph.node(root);
  const Node* inner = context.graph.producer(outer.inputs[0]);
  if (inner == nullptr) return std::nullopt;
  const bool reshapes_last = is_one_of(outer, kReshapes);
  const bool reshapes_first = is_one_of(*inner, kReshapes);
  if (!reshapes_last && (!reshapes_first || !moves_ones_only(context, outer))) return std::nullopt;
  if (!reshapes_first && !moves_ones_only(context, *inner)) return std::nullopt;
  const Shape* from = context.shape(inner->inputs[0]);
  const Shape* to = context.shape(outer.outputs[0]);
  Patch patch;
  if (same_shape(from, to)) {
    patch.replace(outer.outputs[0], inner->inputs[0]);
    return patch;
  }
  if (stands_alone(context, outer)) {
    patch.replace(outer.outputs[0], patch.node("Reshape", {inner->inputs[0], outer.inputs[1]}, outer.attributes));
    return patch;
  }
  if (auto merged = merge_unsqueezes(context, outer, *inner)) return merged;
  if (from == nullptr || to == nullptr) return std::nullopt;
  const auto target = reshape_target(*from, *to);
  if (!target) return std::nullopt;
  const auto shape = patch.constant("shape", int64s(*target));
  patch.replace(outer.outputs[0], patch.node("Reshape", {inner->inputs[0], shape}));
  return patch;
}

}  // namespace

const Rule kComposeReshapes = {
    .name = "compose-reshapes",
    .law = "reshape(reshape(x, s), t) => reshape(x, t), for Reshape, Flatten, Squeeze and Unsqueeze",
    .why = "A reshape keeps the elements in order, so only the last shape matters.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
