// Copying a graph's nodes into another graph: what inlining a function or an If branch needs.
#pragma once

#include <span>
#include <vector>

#include "cycloid/result.h"
#include "graph/graph.h"

namespace cycloid {

// Copies the nodes and constants of `body` into `graph`, before `before` (none: at the end), and returns the values
// that its outputs have become. `arguments` stand for the body's inputs in order; an invalid one, or a missing one at
// the end, is an absent input. Captures become the values that they capture, which must be live in `graph`. Error: a
// subgraph of the body captures an absent input.
Result<std::vector<ValueId>> splice(Graph& graph, const Graph& body, std::span<const ValueId> arguments,
                                    NodeId before = {});

// Makes `to` stand for `from` everywhere, take its type where it has none, and its name where it is a graph output; an
// Identity node where `to` has a name that must stay (an input, a constant, another output). `from` is then dead. New
// nodes go before `before`.
void take_over(Graph& graph, ValueId from, ValueId to, NodeId before = {});

}  // namespace cycloid
