// x + x * s  =>  x * (s + 1), where s is smaller than x
//
// as a block of channel attention with a shortcut has it: two passes over x become one.
#include <vector>

#include "graph/is_op.h"
#include "plan/fusion/fusion.h"
#include "plan/fusion/replace.h"

namespace cycloid {
namespace {

void factor(Graph& graph, NodeId id) {
  const Node add = graph.node(id);
  for (const std::size_t i : {0, 1}) {
    const ValueId x = add.inputs[i], scaled = add.inputs[1 - i];
    const NodeId product_id = graph.value(scaled).producer;
    if (!product_id.valid() || !is_op(graph.node(product_id), "Mul") || graph.is_output(scaled) ||
        graph.value(scaled).uses.size() != 1)
      continue;
    const Node product = graph.node(product_id);
    if (product.inputs[0] != x && product.inputs[1] != x) continue;
    const ValueId s = product.inputs[product.inputs[0] == x ? 1 : 0];
    const ValueType x_type = graph.value(x).type, s_type = graph.value(s).type,
                    y_type = graph.value(add.outputs[0]).type;
    if (!x_type.is_tensor() || x_type.dtype != DType::kFloat32 || !x_type.shape || !s_type.shape || !y_type.shape ||
        *y_type.shape != *x_type.shape || graph.constant(s) != nullptr)
      continue;
    const auto large = known_dims(*x_type.shape), small = known_dims(*s_type.shape);
    if (!large || !small || element_count(*small).value() * 2 > element_count(*large).value()) continue;

    const ValueId y = add.outputs[0];
    const std::string name = graph.value(y).name;
    const float one = 1;
    Node sum{.name = graph.node(product_id).name, .domain = "", .op_type = "Add"};
    sum.inputs = {s, graph.add_constant(name + ".one", Tensor::of<float>({}, std::span<const float>(&one, 1)))};
    const NodeId sum_id = graph.add_node(std::move(sum), {{name + ".gate", s_type}}, id);
    Node gated{.name = add.name, .domain = "", .op_type = "Mul"};
    gated.inputs = {x, graph.node(sum_id).outputs[0]};
    replace_value(graph, y, std::move(gated), id);
    graph.erase_node(id);
    graph.erase_node(product_id);
    return;
  }
}

}  // namespace

void factor_gates(Graph& graph) {
  const std::vector<NodeId> order(graph.nodes().begin(), graph.nodes().end());
  for (const NodeId id : order) {
    if (graph.alive(id) && is_op(graph.node(id), "Add")) factor(graph, id);
  }
}

}  // namespace cycloid
