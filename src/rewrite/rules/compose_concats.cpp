// concat(a, concat(b, c), d) => concat(a, b, c, d) along one axis;  concat(split(x)) => x
#include <algorithm>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Concat"};

// The Split whose parts, all and in order, these values are.
const Node* split_of_all(const RuleContext& context, const std::vector<ValueId>& parts) {
  const Node* split = context.producer(parts[0], "Split");
  return split != nullptr && split->outputs == parts ? split : nullptr;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  const Shape* shape = context.shape(node.outputs[0]);
  if (shape == nullptr) return std::nullopt;
  const auto axis = axis_attribute(node, "axis", 0, shape->size());
  if (!axis) return std::nullopt;
  Patch patch;
  if (const Node* split = split_of_all(context, node.inputs)) {
    if (axis_attribute(*split, "axis", 0, shape->size()) != axis) return std::nullopt;
    patch.replace(node.outputs[0], split->inputs[0]);
    return patch;
  }
  std::vector<Patch::Ref> inputs;
  bool changed = false;
  for (const ValueId input : node.inputs) {
    const Node* inner = context.producer(input, "Concat");
    if (inner != nullptr && context.only_used_by(input, root) &&
        axis_attribute(*inner, "axis", 0, shape->size()) == axis) {
      inputs.insert(inputs.end(), inner->inputs.begin(), inner->inputs.end());
      changed = true;
    } else {
      inputs.emplace_back(input);
    }
  }
  if (!changed) return std::nullopt;
  patch.replace(node.outputs[0], patch.node("Concat", std::move(inputs), {{"axis", *axis}}));
  return patch;
}

}  // namespace

const Rule kComposeConcats = {
    .name = "compose-concats",
    .law = "concat(a, concat(b, c)) => concat(a, b, c) along one axis; concat(split(x)) => x",
    .why = "Parts laid end to end are the same in one step or in two; all parts of a value in order are the value.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
