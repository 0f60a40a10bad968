// How much of a model's constants a run reads.
#pragma once

#include "base/cpu.h"
#include "graph/graph.h"

namespace cycloid {

inline std::size_t weight_bytes(const Graph& graph) {
  std::size_t bytes = 0;
  for (const ValueId id : graph.values()) {
    if (const Tensor* tensor = graph.constant(id)) bytes += tensor->byte_count();
  }
  return bytes;
}

// Half of L2 is for what steps make. Weights beyond the other half push each other out, so that each comes from afar in every
// run.
inline bool weights_are_far(const Graph& graph) {
  return weight_bytes(graph) > static_cast<std::size_t>(cpu_info().l2_bytes) / 2;
}

}  // namespace cycloid
