// Facts: what inference knows of a graph's values beyond their types.
#pragma once

#include <map>
#include <optional>

#include "cycloid/result.h"
#include "graph/graph.h"
#include "ops/op.h"

namespace cycloid {

// Small constants and sizes that nodes compute: what `Shape -> Gather -> Concat` chains give, known or symbolic. Made for
// one graph by collect_facts() and carried on by infer_node(); values that are gone do no harm, because ids are not
// reused. The outer graph and its facts must outlive those of a subgraph.
struct Facts {
  const Graph* outer_graph = nullptr;  // of a subgraph: the graph that holds its node
  const Facts* outer = nullptr;
  std::map<ValueId, ShapeData> sizes = {};
  std::map<ValueId, Tensor> constants = {};  // of nodes' outputs

  // The tensor that the value always is: a constant, a captured one, or what nodes make of constants.
  const Tensor* constant(const Graph& graph, ValueId id) const;
  // The elements of an integer value of rank 0 or 1.
  std::optional<ShapeData> shape_data(const Graph& graph, ValueId id) const;
};

// Infers the whole graph, and keeps what is learnt on the way. Captures keep the types they have.
Status collect_facts(const ModelIr& model, Graph& graph, Facts& facts);

}  // namespace cycloid
