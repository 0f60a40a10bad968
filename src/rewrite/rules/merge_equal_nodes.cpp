// f(x), f(x) => one f(x) used twice (common subexpressions)
#include <algorithm>

#include "ops/op.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

bool equal(const Attribute& a, const Attribute& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&]<class T>(const T& x) {
        const T& y = std::get<T>(b);
        if constexpr (std::is_same_v<T, Tensor>) {
          return identical(x, y);
        } else if constexpr (std::is_same_v<T, std::vector<Tensor>>) {
          return std::ranges::equal(x, y, identical);
        } else if constexpr (std::is_same_v<T, AttributeReference>) {
          return x.name == y.name;
        } else {
          return x == y;  // graphs: the same object
        }
      },
      a);
}

// The same value: one id, or constants of the same elements (exporters write one for each use).
bool equal(const RuleContext& context, ValueId a, ValueId b) {
  if (a == b) return true;
  const Tensor* x = context.constant(a);
  const Tensor* y = context.constant(b);
  return x != nullptr && y != nullptr && identical(*x, *y);
}

bool equal(const RuleContext& context, const Node& a, const Node& b) {
  return a.op_type == b.op_type && a.domain == b.domain && a.outputs.size() == b.outputs.size() &&
         std::ranges::equal(a.inputs, b.inputs, [&](ValueId x, ValueId y) { return equal(context, x, y); }) &&
         std::ranges::equal(a.attributes, b.attributes, [](const auto& x, const auto& y) {
           return x.first == y.first && equal(x.second, y.second);
         });
}

// Equal nodes are found through the uses of an input. A constant may stand for another one, so rather one that is none.
ValueId anchor(const RuleContext& context, const Node& node) {
  ValueId found;
  for (const ValueId input : node.inputs) {
    if (!input.valid()) continue;
    if (context.constant(input) == nullptr) return input;
    if (!found.valid()) found = input;
  }
  return found;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Graph& graph = context.graph;
  const Node& node = graph.node(root);
  const Op* op = find_op(node.domain, node.op_type);
  if (op == nullptr || op->random) return std::nullopt;
  const ValueId shared = anchor(context, node);
  if (!shared.valid()) return std::nullopt;
  for (const Use use : graph.value(shared).uses) {
    if (use.node == root || use.input == Use::kCaptured) continue;
    const Node& other = graph.node(use.node);
    if (!equal(context, node, other)) continue;
    Patch patch;
    bool replaces = false;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId here = node.outputs[i];
      const ValueId there = other.outputs[i];
      if (!here.valid() || graph.is_dead(here)) continue;
      // Two graph outputs cannot be one value; the other node then takes over when it is the root.
      if (!there.valid() || graph.is_output(here)) return std::nullopt;
      if (graph.value(here).uses.empty()) continue;
      patch.replace(here, there);
      replaces = true;
    }
    if (replaces) return patch;
  }
  return std::nullopt;
}

}  // namespace

const Rule kMergeEqualNodes = {
    .name = "merge-equal-nodes",
    .law = "f(x), f(x) => one f(x)",
    .why = "Equal operators on equal inputs give equal values.",
    .kind = RuleKind::kFewerNodes,
    .propose = propose,
};

}  // namespace cycloid
