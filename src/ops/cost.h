// What the operators' costs have in common.
#pragma once

#include "ops/op.h"

namespace cycloid {

// Elements of a tensor value; unknown where its shape is, 0 for an absent value.
Dim element_count_of(const Graph& graph, ValueId id);
// Bytes of a tensor value; unknown where its type is.
Dim bytes_of(const Graph& graph, ValueId id);
// All inputs and outputs once.
Dim bytes_of(const Graph& graph, const Node& node);
// The sum over the nodes of a subgraph, once.
Result<Cost> cost_of(const Graph& graph);

// A cost of kFlops for each element of output 0, and the bytes of all inputs and outputs.
template <int kFlops>
Result<Cost> cost_per_output(const Graph& graph, const Node& node) {
  return Cost{element_count_of(graph, node.outputs[0]) * kFlops, bytes_of(graph, node)};
}
// The same for each element of input 0.
template <int kFlops>
Result<Cost> cost_per_input(const Graph& graph, const Node& node) {
  return Cost{element_count_of(graph, node.inputs[0]) * kFlops, bytes_of(graph, node)};
}

}  // namespace cycloid
