// reshape(x, sizes computed from shapes) => reshape(x, constant)
#include <algorithm>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Reshape"};

// The index of the size that the computed shape leaves to be inferred (-1 among symbolic sizes).
std::optional<std::size_t> inferred_index(const RuleContext& context, const Node& reshape) {
  const auto sizes = context.shape_data(reshape.inputs[1]);
  if (!sizes) return std::nullopt;
  const auto at = std::ranges::find_if(*sizes, [](const Dim& dim) { return dim.is(-1); });
  if (at == sizes->end()) return std::nullopt;
  return static_cast<std::size_t>(at - sizes->begin());
}

// The axis at which Flatten gives this shape. Unlike a Reshape with 0 and -1, Flatten has no trouble with empty tensors.
std::optional<std::int64_t> flatten_axis(const Shape& from, const Shape& to) {
  if (to.size() != 2) return std::nullopt;
  for (std::size_t axis = 0; axis <= from.size(); ++axis) {
    const auto middle = from.begin() + static_cast<std::ptrdiff_t>(axis);
    if (element_count(Shape(from.begin(), middle)) == to[0] && element_count(Shape(middle, from.end())) == to[1])
      return static_cast<std::int64_t>(axis);
  }
  return std::nullopt;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  if (context.constant(node.inputs[1]) != nullptr) return std::nullopt;
  const Shape* from = context.shape(node.inputs[0]);
  const Shape* to = context.shape(node.outputs[0]);
  if (from == nullptr || to == nullptr) return std::nullopt;
  Patch patch;
  if (const auto target = reshape_target(*from, *to, inferred_index(context, node))) {
    const auto shape = patch.constant(context.value(node.inputs[1]).name, int64s(*target));
    patch.replace(node.outputs[0], patch.node("Reshape", {node.inputs[0], shape}));
    return patch;
  }
  const auto axis = flatten_axis(*from, *to);
  if (!axis) return std::nullopt;
  patch.replace(node.outputs[0], patch.node("Flatten", {node.inputs[0]}, {{"axis", *axis}}));
  return patch;
}

}  // namespace

const Rule kPlainReshape = {
    .name = "plain-reshape",
    .law = "reshape(x, f(shape(x))) => reshape(x, constant) with 0 for a size that stays and -1 for the one left",
    .why = "The sizes follow from the input's shape for every size of it, so no node needs to compute them.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
