#include "rewrite/rule.h"

#include <algorithm>

#include "ops/dtype_set.h"

namespace cycloid {

std::string_view to_string(RuleKind kind) {
  switch (kind) {
    case RuleKind::kFewerNodes: return "fewer-nodes";
    case RuleKind::kCheaperNode: return "cheaper-node";
    case RuleKind::kCheaperSubgraph: return "cheaper-subgraph";
    case RuleKind::kParallelBranches: return "parallel-branches";
    case RuleKind::kStandard: return "standard";
  }
  return "unknown";
}

const Shape* RuleContext::shape(ValueId id) const {
  if (!id.valid()) return nullptr;
  const ValueType& type = graph.value(id).type;
  return type.is_tensor() && type.shape ? &*type.shape : nullptr;
}

std::optional<std::vector<std::int64_t>> RuleContext::constant_ints(ValueId id) const {
  const Tensor* tensor = constant(id);
  if (tensor == nullptr || !(kInts | kBools).contains(tensor->dtype())) return std::nullopt;
  return to_int64s(*tensor);
}

const Node* RuleContext::producer(ValueId id, std::string_view op_type) const {
  const Node* node = graph.producer(id);
  return node != nullptr && node->domain.empty() && node->op_type == op_type ? node : nullptr;
}

bool RuleContext::only_used_by(ValueId id, NodeId node) const {
  return !graph.is_output(id) && std::ranges::all_of(graph.value(id).uses, [&](Use use) { return use.node == node; });
}

const Rule* find_rule(std::string_view name) {
  for (const Rule* rule : all_rules()) {
    if (rule->name == name) return rule;
  }
  return nullptr;
}

}  // namespace cycloid
