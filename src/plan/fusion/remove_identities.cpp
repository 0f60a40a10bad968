#include <vector>

#include "plan/fusion/fusion.h"

namespace cycloid {
namespace {

bool is_identity(const Graph& graph, const Node& node) {
  if (!node.domain.empty()) return false;
  if (node.op_type == "Identity") return true;
  if (node.op_type != "Dropout") return false;
  if (node.outputs.size() > 1 && node.outputs[1].valid() && !graph.is_dead(node.outputs[1])) return false;
  if (node.inputs.size() < 3 || !node.inputs[2].valid()) return true;
  const Tensor* training = graph.constant(node.inputs[2]);
  return training != nullptr && training->dtype() == DType::kBool && training->element_count() == 1 &&
         !training->data<bool>()[0];
}

}  // namespace

void remove_identities(Graph& graph) {
  const std::vector<NodeId> order(graph.nodes().begin(), graph.nodes().end());
  for (const NodeId id : order) {
    const Node& node = graph.node(id);
    if (!is_identity(graph, node)) continue;
    const ValueId input = node.inputs[0], output = node.outputs[0];
    graph.replace_uses(output, input);
    graph.erase_node(id);
  }
}

}  // namespace cycloid
