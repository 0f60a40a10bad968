// Rule: one law of rewriting, such as `transpose(transpose(x, p), q) => transpose(x, p[q])`.
//
// A rule looks at the neighbourhood of one node and proposes a Patch, or says nothing. It never changes the graph. It may
// rely on the types in the graph (inference has run), and must hold for every value its inputs can take: other shapes
// behind symbolic sizes, NaN, infinities, -0, integer overflow. Where it reorders float sums it is not exact.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "graph/graph.h"
#include "ops/facts.h"
#include "rewrite/patch.h"

namespace cycloid {

// The four kinds of the project's founding document, and what every optimiser does. The driver refuses a change of the kind
// fewer-nodes that adds more nodes than it takes away.
enum class RuleKind { kFewerNodes, kCheaperNode, kCheaperSubgraph, kParallelBranches, kStandard };

// "fewer-nodes", "cheaper-node", "cheaper-subgraph", "parallel-branches", "standard".
std::string_view to_string(RuleKind kind);

// What a rule may know beside the graph.
struct RuleContext {
  const Graph& graph;
  const ModelIr& model;               // opsets; its graph is the outermost one, which may be older than `graph`
  const Facts& facts;                 // of `graph`
  std::size_t fold_limit = 1U << 24;  // bytes a folded constant may take beyond those it replaces

  // Floats are finite: 0 * x is 0. Without it, a rule keeps the NaN that 0 * infinity is.
  bool assume_finite = false;

  const Value& value(ValueId id) const { return graph.value(id); }
  // The value's type if it is a tensor of known rank, else nullptr.
  const Shape* shape(ValueId id) const;
  DType dtype(ValueId id) const { return id.valid() ? graph.value(id).type.dtype : DType::kUndefined; }
  // The tensor that the value always is (also a captured one, or a small one that nodes make of constants), or nullptr.
  const Tensor* constant(ValueId id) const { return facts.constant(graph, id); }
  // The elements of a constant integer or bool tensor in row-major order.
  std::optional<std::vector<std::int64_t>> constant_ints(ValueId id) const;
  // The elements of an integer value of rank 0 or 1, known or symbolic.
  std::optional<ShapeData> shape_data(ValueId id) const { return facts.shape_data(graph, id); }
  // The producer of `id` if it is `op_type` of ai.onnx, else nullptr.
  const Node* producer(ValueId id, std::string_view op_type) const;
  // Nothing but `node` uses the value: replacing `node` makes it dead.
  bool only_used_by(ValueId id, NodeId node) const;
};

struct Rule {
  std::string_view name;  // "compose-transposes"; unique; what --disable takes
  std::string_view law;   // one line, in the notation of the comment above
  std::string_view why;   // one sentence for people: why it holds
  RuleKind kind = RuleKind::kStandard;
  bool exact = true;          // the same bits for the same input
  bool cost_decides = false;  // applied only where the estimated cost goes down
  // Refused where a new value would be much larger than every value the old nodes see: what gains time by taking memory.
  bool may_take_memory = false;
  // ai.onnx operators at which propose() is tried; empty: at every node.
  std::span<const std::string_view> roots = {};
  std::optional<Patch> (*propose)(const RuleContext& context, NodeId root) = nullptr;
};

// All rules, in the order in which the driver tries them.
std::span<const Rule* const> all_rules();
const Rule* find_rule(std::string_view name);

}  // namespace cycloid
