// A value made in another way, under the name it had.
#pragma once

#include "graph/graph.h"

namespace cycloid {

// `node`, put before `before`, makes one output of `old`'s type, which takes the place and the name of `old`: that output.
// `old` and its maker stay, unused.
ValueId replace_value(Graph& graph, ValueId old, Node node, NodeId before);

}  // namespace cycloid
