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

bool equal(const Node& a, const Node& b) {
  return a.op_type == b.op_type && a.domain == b.domain && a.inputs == b.inputs &&
         a.outputs.size() == b.outputs.size() &&
         std::ranges::equal(a.attributes, b.attributes, [](const auto& x, const auto& y) {
           return x.first == y.first && equal(x.second, y.second);
         });
}

// The node's first valid input, through whose uses an equal node must be found.
std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Graph& graph = context.graph;
  const Node& node = graph.node(root);
  const Op* op = find_op(node.domain, node.op_type);
  if (op == nullptr || op->random) return std::nullopt;
  const auto first = std::ranges::find_if(node.inputs, &ValueId::valid);
  if (first == node.inputs.end()) return std::nullopt;
  for (const Use use : graph.value(*first).uses) {
    if (use.node == root || use.input == Use::kCaptured) continue;
    const Node& other = graph.node(use.node);
    if (!equal(node, other)) continue;
    Patch patch;
    bool replaces = false;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId here = node.outputs[i];
      const ValueId there = other.outputs[i];
      if (!here.valid() || !there.valid()) continue;
      // Two graph outputs cannot be one value; the other node then takes over when it is the root.
      if (graph.is_output(here)) return std::nullopt;
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
