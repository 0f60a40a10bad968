// Nodes whose shapes are known only in the run, since they come after a node whose outputs' shapes depend on data (NonZero,
// Compress, Unique, NonMaxSuppression, a Loop of unknown length). All that can be computed together is one step, with plans of
// its own: when the step is reached the shapes are there, and a plan for them is taken from those made before, or made. The
// rest of the plan stays as it is.
#pragma once

#include <span>

#include "plan/lowering/lowering.h"

namespace cycloid {

// Whether a value is a tensor of numbers whose shape is not known before the run.
bool is_late(const Lowering& lowering, ValueId id);

// Whether the node reads such a value, and a plan could be made of it once the shape is known.
bool is_late_node(const Lowering& lowering, NodeId id);

// Whether all that the node reads can be read.
bool is_ready(const Lowering& lowering, NodeId id);

// Of the nodes in `order`, the first of which is a late node, those that can be computed with it. `lowered` says which nodes of
// `order` are done.
std::vector<NodeId> late_nodes(const Lowering& lowering, std::span<const NodeId> order,
                               const std::vector<bool>& lowered);

// Whether the node's work is more than proportional to its inputs.
bool is_heavy(const Node& node);

// Adds their step.
Status lower_late(Lowering& lowering, const std::vector<NodeId>& nodes);

}  // namespace cycloid
