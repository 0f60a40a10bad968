// f(x), f(x) => one f(x) used twice (common subexpressions)
#include <algorithm>
#include <map>
#include <span>

#include "ops/op.h"
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

bool equal(const Graph& a, const Graph& b);

bool equal(const Attribute& a, const Attribute& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&]<class T>(const T& x) {
        const T& y = std::get<T>(b);
        if constexpr (std::is_same_v<T, Tensor>) {
          return identical(x, y);
        } else if constexpr (std::is_same_v<T, std::vector<Tensor>>) {
          return std::ranges::equal(x, y, identical);
        } else if constexpr (std::is_same_v<T, AttributeReference>) {
          return x.name == y.name;
        } else if constexpr (std::is_same_v<T, GraphPtr>) {
          return x == y || equal(*x, *y);
        } else {
          return x == y;
        }
      },
      a);
}

// Subgraphs of nodes of one graph that do the same: values in pairs, from captures of one value and equal constants on.
class GraphMatch {
 public:
  GraphMatch(const Graph& a, const Graph& b) : a_(a), b_(b) {}

  bool run() {
    if (a_.inputs().size() != b_.inputs().size() || a_.node_count() != b_.node_count()) return false;
    for (std::size_t i = 0; i < a_.inputs().size(); ++i) pairs_.emplace(a_.inputs()[i], b_.inputs()[i]);
    for (std::size_t i = 0; i < a_.node_count(); ++i) {
      const Node& x = a_.node(a_.nodes()[i]);
      const Node& y = b_.node(b_.nodes()[i]);
      if (x.op_type != y.op_type || x.domain != y.domain || x.outputs.size() != y.outputs.size()) return false;
      const Op* op = find_op(x.domain, x.op_type);
      if (op == nullptr || op->random || !all_paired(x.inputs, y.inputs)) return false;
      // Subgraphs further in name values of these graphs: only one without them is compared.
      const auto is_equal = [](const auto& p, const auto& q) {
        return p.first == q.first && !std::holds_alternative<GraphPtr>(p.second) && equal(p.second, q.second);
      };
      if (!std::ranges::equal(x.attributes, y.attributes, is_equal)) return false;
      for (std::size_t o = 0; o < x.outputs.size(); ++o) pairs_.emplace(x.outputs[o], y.outputs[o]);
    }
    return all_paired(a_.outputs(), b_.outputs());
  }

 private:
  bool all_paired(std::span<const ValueId> a, std::span<const ValueId> b) const {
    return std::ranges::equal(a, b, [&](ValueId x, ValueId y) { return paired(x, y); });
  }

  bool paired(ValueId x, ValueId y) const {
    if (!x.valid() || !y.valid()) return x == y;
    if (const auto at = pairs_.find(x); at != pairs_.end()) return at->second == y;
    const Value& p = a_.value(x);
    const Value& q = b_.value(y);
    if (p.kind != q.kind) return false;
    if (p.kind == Value::Kind::kCapture) return p.outer == q.outer;
    return p.kind == Value::Kind::kConstant && identical(p.constant, q.constant);
  }

  const Graph& a_;
  const Graph& b_;
  std::map<ValueId, ValueId> pairs_;
};

bool equal(const Graph& a, const Graph& b) { return GraphMatch(a, b).run(); }

// The same value: one id, or constants of the same elements (exporters write one for each use).
bool equal(const RuleContext& context, ValueId a, ValueId b) {
  if (a == b) return true;
  const Tensor* x = context.constant(a);
  const Tensor* y = context.constant(b);
  return x != nullptr && y != nullptr && identical(*x, *y);
}

bool equal(const RuleContext& context, const Node& a, const Node& b) {
  return a.op_type == b.op_type && a.domain == b.domain && a.outputs.size() == b.outputs.size() &&
         std::ranges::equal(a.inputs, b.inputs, [&](ValueId x, ValueId y) { return equal(context, x, y); }) &&
         std::ranges::equal(a.attributes, b.attributes, [](const auto& x, const auto& y) {
           return x.first == y.first && equal(x.second, y.second);
         });
}

// Equal nodes are found through the uses of an input. A constant may stand for another one, so rather one that is none.
ValueId anchor(const RuleContext& context, const Node& node) {
  ValueId found;
  for (const ValueId input : node.inputs) {
    if (!input.valid()) continue;
    if (context.constant(input) == nullptr) return input;
    if (!found.valid()) found = input;
  }
  return found;
}

// A convolution before a normalisation of its own, which can go into its weights as long as nobody else uses the result.
bool waits_for_fold(const RuleContext& context, const Node& node) {
  if (node.op_type != "Conv" && node.op_type != "ConvTranspose" && node.op_type != "Gemm") return false;
  const NodeId user = only_user(context, node.outputs[0]);
  return user.valid() && context.graph.node(user).op_type == "BatchNormalization";
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Graph& graph = context.graph;
  const Node& node = graph.node(root);
  const Op* op = find_op(node.domain, node.op_type);
  if (op == nullptr || op->random) return std::nullopt;
  if (waits_for_fold(context, node)) return std::nullopt;
  const ValueId shared = anchor(context, node);
  if (!shared.valid()) return std::nullopt;
  for (const Use use : graph.value(shared).uses) {
    if (use.node == root || use.input == Use::kCaptured) continue;
    const Node& other = graph.node(use.node);
    if (!equal(context, node, other)) continue;
    Patch patch;
    bool replaces = false;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId here = node.outputs[i];
      const ValueId there = other.outputs[i];
      if (!here.valid() || graph.is_dead(here)) continue;
      // Two graph outputs cannot be one value; the other node then takes over when it is the root.
      if (!there.valid() || graph.is_output(here)) return std::nullopt;
      if (graph.value(here).uses.empty()) continue;
      patch.replace(here, there);
      replaces = true;
    }
    if (replaces) return patch;
  }
  return std::nullopt;
}

}  // namespace

const Rule kMergeEqualNodes = {
    .name = "merge-equal-nodes",
    .law = "f(x), f(x) => one f(x)",
    .why = "Equal operators on equal inputs give equal values.",
    .kind = RuleKind::kFewerNodes,
    .propose = propose,
};

}  // namespace cycloid
