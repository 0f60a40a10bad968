// A Pad by constants goes to where its input is made. What else is added to the padded value, as in a residual block that has
// more channels than its input, can then be added by the convolution that makes it, which reads the padded value.
#include <vector>

#include "plan/fusion/fusion.h"
#include "plan/fusion/replace.h"

namespace cycloid {
namespace {

bool all_but_first_constant(const Graph& graph, const Node& node) {
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    if (node.inputs[i].valid() && graph.constant(node.inputs[i]) == nullptr) return false;
  }
  return true;
}

// The same node with one output in front of another node.
NodeId move_before(Graph& graph, NodeId id, NodeId before) {
  const Node node = graph.node(id);
  const ValueId moved = replace_value(graph, node.outputs[0], node, before);
  graph.erase_node(id);
  return graph.value(moved).producer;
}

}  // namespace

void hoist_pads(Graph& graph) {
  std::vector<NodeId> order(graph.nodes().begin(), graph.nodes().end());
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    const Node maker = graph.node(order[i]);
    for (const ValueId made : maker.outputs) {
      if (!made.valid()) continue;
      for (const Use use : std::vector<Use>(graph.value(made).uses)) {
        if (use.input != 0 || use.node == order[i + 1]) continue;
        const Node pad = graph.node(use.node);
        if (!pad.domain.empty() || pad.op_type != "Pad" || !all_but_first_constant(graph, pad)) continue;
        const NodeId hoisted = move_before(graph, use.node, order[i + 1]);
        std::erase(order, use.node);
        order.insert(order.begin() + static_cast<std::ptrdiff_t>(i) + 1, hoisted);
      }
    }
  }
}

}  // namespace cycloid
