#include "plan/fusion/replace.h"

namespace cycloid {

ValueId replace_value(Graph& graph, ValueId old, Node node, NodeId before) {
  const std::string name = graph.value(old).name;
  const NodeId made = graph.add_node(std::move(node), {{name, graph.value(old).type}}, before);
  const ValueId result = graph.node(made).outputs[0];
  graph.replace_uses(old, result);
  graph.rename(result, name);
  return result;
}

}  // namespace cycloid
