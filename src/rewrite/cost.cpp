#include "rewrite/cost.h"

#include <algorithm>

#include "ops/cost.h"
#include "ops/op.h"

namespace cycloid {
namespace {

constexpr std::int64_t kTypicalSymbol = 16;
constexpr double kBytesPerFlop = 1.0 / 8;
constexpr double kNodesPerIteration = 4;
constexpr std::int64_t kMostTrips = 1'000'000;  // of loops that end by their condition
constexpr std::int64_t kLargeSymbol = 1024;

double typical(const Dim& dim) {
  const auto typical_symbol = [](const std::string&) { return Dim(kTypicalSymbol); };
  const Dim substituted = dim.substitute(typical_symbol);
  if (const auto known = substituted.known()) return static_cast<double>(*known);
  // A size that nothing is known of counts as a symbol does: at 0, whatever loses a size would seem to cost less.
  std::string text = substituted.to_string();
  for (std::size_t at = text.find('?'); at != std::string::npos; at = text.find('?')) text.replace(at, 1, "unknown_");
  const auto named = Dim::parse(text);
  return named ? static_cast<double>(named->substitute(typical_symbol).known().value_or(0)) : 0;
}

// How often the body of a Loop or Scan runs; 1 for other nodes.
double typical_trips(const Graph& graph, const Node& node) {
  if (node.op_type == "Loop" && !node.inputs.empty()) {
    const Tensor* most = graph.constant(node.inputs[0]);
    if (most == nullptr || most->dtype() != DType::kInt64 || most->element_count() != 1) return kTypicalSymbol;
    return static_cast<double>(std::clamp<std::int64_t>(most->data<std::int64_t>()[0], 0, kMostTrips));
  }
  if (node.op_type != "Scan") return 1;
  const auto inputs = get_int(node, "num_scan_inputs", 0);
  if (!inputs || *inputs < 1 || *inputs > static_cast<std::int64_t>(node.inputs.size())) return kTypicalSymbol;
  const std::size_t states = node.inputs.size() - static_cast<std::size_t>(*inputs);
  const auto axes = get_ints(node, "scan_input_axes", std::vector<std::int64_t>(static_cast<std::size_t>(*inputs), 0));
  const ValueType& type = graph.value(node.inputs[states]).type;
  if (!axes || axes->empty() || !type.shape) return kTypicalSymbol;
  const auto rank = static_cast<std::int64_t>(type.shape->size());
  const std::int64_t axis = (*axes)[0] < 0 ? (*axes)[0] + rank : (*axes)[0];
  return axis >= 0 && axis < rank ? typical((*type.shape)[static_cast<std::size_t>(axis)]) : kTypicalSymbol;
}

// In nodes, what a runtime spends on a node and the subgraphs it runs.
double overhead(const Graph& graph, const Node& node) {
  double nodes = 1;
  for_each_subgraph(node, [&](const std::string&, const Graph& body) {
    double inside = node.op_type == "If" ? 0 : kNodesPerIteration;
    for (const NodeId id : body.nodes()) inside += overhead(body, body.node(id));
    nodes += inside * typical_trips(graph, node);
  });
  return nodes;
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

double typical_bytes(const Graph& graph, ValueId id) { return typical(bytes_of(graph, id)); }

NodeCosts costs_of(const Graph& graph, std::span<const NodeId> nodes) {
  NodeCosts costs;
  for (const NodeId id : nodes) {
    costs.weight += kBytesPerNode * overhead(graph, graph.node(id));
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

std::optional<TypicalSize> typical_size(const Graph& graph, ValueId id) {
  const ValueType& type = graph.value(id).type;
  if (!type.is_tensor() || !type.shape) return std::nullopt;
  TypicalSize size{.bytes = static_cast<double>(std::max<std::size_t>(size_of(type.dtype), 1)), .known = true};
  for (const Dim& dim : *type.shape) {
    size.known = size.known && dim.is_known();
    const Dim large = dim.substitute([](const std::string&) { return Dim(kLargeSymbol); });
    size.bytes *= static_cast<double>(large.known().value_or(kLargeSymbol));
  }
  return size;
}

Totals totals_of(const Graph& graph) {
  const NodeCosts costs = costs_of(graph, graph.nodes());
  return {.nodes = count_nodes(graph), .flops = costs.flops, .bytes = costs.bytes};
}

}  // namespace cycloid
