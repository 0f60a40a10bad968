// The estimate by which the driver decides: what a set of nodes takes on an ordinary processor.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "graph/graph.h"
#include "rewrite/ledger.h"

namespace cycloid {

// Of one node, in bytes of memory traffic: some 300 ns of a runtime's overhead.
inline constexpr double kBytesPerNode = 4096;

// The bytes a value takes, symbolic sizes counted as 16; 0 where nothing is known of it.
double typical_bytes(const Graph& graph, ValueId id);

struct NodeCosts {
  std::optional<std::int64_t> flops = 0;
  std::optional<std::int64_t> bytes = 0;
  // In bytes of memory traffic. One number, so that changes can be compared: a FLOP counts 1/8 byte (a core of today does
  // about 100 GFLOP/s and streams about 12 GB/s), a node 4096 bytes (some 300 ns of a runtime's overhead), in a loop's body
  // once an iteration, and four more for the iteration itself. Symbolic sizes count
  // as 16, which keeps the comparison meaningful where both sides depend on them.
  double weight = 0;
};

NodeCosts costs_of(const Graph& graph, std::span<const NodeId> nodes);

// Bytes of the value with every symbolic size 1024; whether they are exact is in `known`. Nullopt: not a tensor of known rank.
struct TypicalSize {
  double bytes = 0;
  bool known = false;
};
std::optional<TypicalSize> typical_size(const Graph& graph, ValueId id);

Totals totals_of(const Graph& graph);

}  // namespace cycloid
