// Shadow: the values of a graph on sample inputs, so that a change can be checked by computing only what is new.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "cycloid/result.h"
#include "graph/graph.h"
#include "ops/datum.h"

namespace cycloid {

class Shadow {
 public:
  // Computes every value of the main graph on one sample. An error: the model declines the sample, or the values take
  // more than `max_bytes`.
  static Result<Shadow> compute(const ModelIr& model, std::span<const Datum> inputs, std::size_t max_bytes);

  // Computes the nodes, whose inputs are known, and keeps their values until forget().
  Status extend(const ModelIr& model, const Graph& graph, std::span<const NodeId> nodes);
  void forget(const Graph& graph, std::span<const NodeId> nodes);

  // nullptr where not known.
  const Datum* find(const Graph& graph, ValueId id);

 private:
  std::map<ValueId, Datum> values_;
};

}  // namespace cycloid
