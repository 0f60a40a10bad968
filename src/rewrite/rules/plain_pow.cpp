// pow(x, 2) => x * x,  pow(x, 3) => x * x * x,  pow(x, -1) => reciprocal(x),  pow(x, 1) => x
// pow(x, 0.5) => sqrt(x) where x is never negative (pow(-inf, 0.5) is inf, and sqrt(-inf) is NaN)
#include <algorithm>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Pow"};

// No axis is empty, over which a maximum would be -infinity.
bool has_elements(const RuleContext& context, ValueId id) {
  const Shape* shape = context.shape(id);
  return shape != nullptr && std::ranges::none_of(*shape, may_be_zero);
}

// Every element is +0, positive or NaN, for certain. (-0 would have another square root.)
bool never_negative(const RuleContext& context, ValueId id, int depth = 0) {
  constexpr int kDeepest = 8;
  const Node* node = context.graph.producer(id);
  if (node == nullptr || !node->domain.empty() || depth > kDeepest) {
    const Tensor* constant = context.constant(id);
    const auto number = constant != nullptr ? one_number(*constant) : std::nullopt;
    return number && *number > 0;
  }
  const auto operand = [&](std::size_t i) { return never_negative(context, node->inputs[i], depth + 1); };
  static constexpr std::string_view kAlways[] = {"Abs",     "Exp",     "ReduceL1", "ReduceL2", "ReduceSumSquare",
                                                 "Sigmoid", "Softmax", "Softplus"};
  static constexpr std::string_view kLikeItsInput[] = {"Cast",      "Expand",    "Gather",   "Identity", "ReduceMean",
                                                       "ReduceMin", "ReduceSum", "Reshape",  "Slice",    "Sqrt",
                                                       "Squeeze",   "Transpose", "Unsqueeze"};
  if (is_one_of(*node, kAlways)) return true;
  if (node->op_type == "ReduceMax") return has_elements(context, node->inputs[0]) && operand(0);
  if (is_one_of(*node, kLikeItsInput)) return operand(0);
  if (node->op_type == "Mul") return node->inputs[0] == node->inputs[1] || (operand(0) && operand(1));
  if (node->op_type == "Add") return operand(0) && operand(1);
  if (node->op_type == "Pow") {
    const Tensor* exponent = context.constant(node->inputs[1]);
    return exponent != nullptr && one_number(*exponent) == 2.0;
  }
  return false;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  const ValueId x = node.inputs[0];
  const Tensor* tensor = context.constant(node.inputs[1]);
  const Shape* from = context.shape(x);
  // The exponent must not broadcast x to a larger shape.
  if (tensor == nullptr || from == nullptr || !same_shape(from, context.shape(node.outputs[0]))) return std::nullopt;
  const auto exponent = one_number(*tensor);
  if (!exponent || !is_floating_point(context.dtype(x))) return std::nullopt;
  Patch patch;
  if (*exponent == 1) {
    patch.replace(node.outputs[0], x);
  } else if (*exponent == 2) {
    patch.replace(node.outputs[0], patch.node("Mul", {x, x}));
  } else if (*exponent == 3) {
    patch.replace(node.outputs[0], patch.node("Mul", {patch.node("Mul", {x, x}), x}));
  } else if (*exponent == -1) {
    patch.replace(node.outputs[0], patch.node("Reciprocal", {x}));
  } else if (*exponent == 0.5 && never_negative(context, x)) {
    patch.replace(node.outputs[0], patch.node("Sqrt", {x}));
  } else {
    return std::nullopt;
  }
  return patch;
}

}  // namespace

const Rule kPlainPow = {
    .name = "plain-pow",
    .law = "pow(x, 2) => x * x; pow(x, 3) => x * x * x; pow(x, -1) => 1 / x; pow(x, 0.5) => sqrt(x) for x >= 0",
    .why = "The power is one that a multiplication, a division or a root gives, which take a fraction of its time.",
    .kind = RuleKind::kCheaperNode,
    .exact = false,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
