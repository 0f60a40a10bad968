#include "ops/cost.h"

#include "base/error.h"

namespace cycloid {

Dim element_count_of(const Graph& graph, ValueId id) {
  if (!id.valid()) return 0;
  const ValueType& type = graph.value(id).type;
  return type.is_tensor() && type.shape ? element_count(*type.shape) : Dim::unknown();
}

Dim bytes_of(const Graph& graph, ValueId id) {
  if (!id.valid()) return 0;
  const ValueType& type = graph.value(id).type;
  if (!type.is_tensor() || type.dtype == DType::kUndefined) return Dim::unknown();
  return element_count_of(graph, id) * Dim(static_cast<std::int64_t>(size_of(type.dtype)));
}

Dim bytes_of(const Graph& graph, const Node& node) {
  Dim bytes = 0;
  for (const ValueId id : node.inputs) bytes = bytes + bytes_of(graph, id);
  for (const ValueId id : node.outputs) bytes = bytes + bytes_of(graph, id);
  return bytes;
}

Result<Cost> cost_of(const Graph& graph) {
  Cost sum;
  for (const NodeId id : graph.nodes()) {
    CYCLOID_ASSIGN(const Cost cost, cost_of(graph, graph.node(id)));
    sum.flops = sum.flops + cost.flops;
    sum.bytes = sum.bytes + cost.bytes;
  }
  return sum;
}

Result<Cost> cost_of(const Graph& graph, const Node& node) {
  const Op* op = find_op(node.domain, node.op_type);
  if (op == nullptr)
    return unsupported("{} has no known cost: this build does not know the operator", describe(graph, node));
  if (op->cost != nullptr) return op->cost(graph, node).in(describe(graph, node));
  return Cost{0, bytes_of(graph, node)};
}

}  // namespace cycloid
