// How often a Loop runs, where its condition depends on constants alone: what an exported `while` leaves.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "graph/graph.h"

namespace cycloid {

// The part of the body that decides is run now, until it says stop. `constant` gives what the outer graph's values always
// are, or nullptr. Nullopt where the trips cannot be told, or are too many to find out.
std::optional<std::int64_t> loop_trips(const ModelIr& model, const Node& loop, const Graph& body,
                                       const std::function<const Tensor*(ValueId)>& constant);

// The body with the condition handed on as it is: the loop then runs as often as its trip count says.
Graph body_that_goes_on(const Graph& body);

}  // namespace cycloid
