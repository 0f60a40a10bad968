// Type and shape inference of one node, for those who change graphs.
#pragma once

#include "ops/facts.h"
#include "ops/op.h"

namespace cycloid {

// Gives the outputs of a node that was added to a graph, whose other values have their types, theirs. Captures of a
// subgraph keep the types they have. With `facts`, those of the inputs are used, and those of the outputs kept. Errors as
// infer_types() gives them.
Status infer_node(const ModelIr& model, Graph& graph, NodeId id, Facts* facts = nullptr);

}  // namespace cycloid
