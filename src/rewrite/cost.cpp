#include "rewrite/cost.h"

#include "ops/op.h"

namespace cycloid {
namespace {

constexpr std::int64_t kTypicalSymbol = 16;
constexpr double kBytesPerFlop = 1.0 / 8;
constexpr double kBytesPerNode = 4096;

double typical(const Dim& dim) {
  const Dim substituted = dim.substitute([](const std::string&) { return Dim(kTypicalSymbol); });
  return static_cast<double>(substituted.known().value_or(0));
}

void add(std::optional<std::int64_t>& total, const Dim& dim) {
  const auto known = dim.known();
  if (!known || !total) {
    total.reset();
  } else {
    total = *total + *known;
  }
}

}  // namespace

NodeCosts costs_of(const Graph& graph, std::span<const NodeId> nodes) {
  NodeCosts costs;
  for (const NodeId id : nodes) {
    costs.weight += kBytesPerNode;
    const auto cost = cost_of(graph, graph.node(id));
    if (!cost) {
      costs.flops.reset();
      costs.bytes.reset();
      continue;
    }
    add(costs.flops, cost->flops);
    add(costs.bytes, cost->bytes);
    costs.weight += typical(cost->flops) * kBytesPerFlop + typical(cost->bytes);
  }
  return costs;
}

Totals totals_of(const Graph& graph) {
  const NodeCosts costs = costs_of(graph, graph.nodes());
  return {.nodes = count_nodes(graph), .flops = costs.flops, .bytes = costs.bytes};
}

}  // namespace cycloid
