// Type and shape inference of one node, for those who change graphs.
#pragma once

#include "ops/op.h"

namespace cycloid {

// Gives the outputs of a node that was added to a graph, whose other values have their types, theirs. Sizes that other
// nodes compute are not followed; captures of a subgraph keep the types they have. Errors as infer_types() gives them.
Status infer_node(const ModelIr& model, Graph& graph, NodeId id);

}  // namespace cycloid
