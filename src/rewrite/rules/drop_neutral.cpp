// x * 1 => x, x / 1 => x, x - 0 => x, x + -0 => x, pow(x, 1) => x;  x + 0 => x for integers;  where(true, x, y) => x
#include <algorithm>

#include "ops/dtype_set.h"
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Add", "And", "Div", "Mul", "Or", "Pow", "Sub", "Where"};
// Their results are never -0, which + 0 would turn into 0.
constexpr std::string_view kNoNegativeZero[] = {
    "Abs", "Exp", "HardSigmoid", "ReduceL1", "ReduceL2", "ReduceSumSquare", "Sigmoid", "Softmax"};

// Whether `node` with this constant as its input `i` gives its other input unchanged.
bool is_neutral(const RuleContext& context, const Node& node, std::size_t i, const Tensor& constant) {
  const std::string& op = node.op_type;
  if (op == "Mul") return all_are(constant, 1);
  if (op == "Div" || op == "Pow") return i == 1 && all_are(constant, 1);
  if (op == "Sub") return i == 1 && all_are(constant, 0);
  if (op == "And" || op == "Or") {
    const auto values = constant.data<bool>();
    return constant.element_count() != 0 && std::ranges::count(values, op == "And") == constant.element_count();
  }
  if (op != "Add") return false;
  if (all_are(constant, -0.0)) return true;
  if (!all_are(constant, 0)) return false;
  if (kInts.contains(constant.dtype())) return true;
  const Node* producer = context.graph.producer(node.inputs[1 - i]);
  return producer != nullptr && is_one_of(*producer, kNoNegativeZero);
}

std::optional<Patch> drop_where(const RuleContext& context, const Node& where) {
  const Tensor* condition = context.constant(where.inputs[0]);
  if (condition == nullptr || condition->element_count() == 0) return std::nullopt;
  const auto trues = std::ranges::count(condition->data<bool>(), true);
  if (trues != 0 && trues != condition->element_count()) return std::nullopt;
  const ValueId chosen = where.inputs[trues != 0 ? 1 : 2];
  if (!same_shape(context.shape(chosen), context.shape(where.outputs[0]))) return std::nullopt;
  Patch patch;
  patch.replace(where.outputs[0], chosen);
  return patch;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  if (node.op_type == "Where") return drop_where(context, node);
  for (const std::size_t i : {1, 0}) {
    const Tensor* constant = context.constant(node.inputs[i]);
    if (constant == nullptr || !is_neutral(context, node, i, *constant)) continue;
    const Shape* other = context.shape(node.inputs[1 - i]);
    if (other == nullptr || !broadcast_keeps(*other, to_shape(constant->dims()))) continue;
    if (context.dtype(node.inputs[1 - i]) != context.dtype(node.outputs[0])) continue;
    Patch patch;
    patch.replace(node.outputs[0], node.inputs[1 - i]);
    return patch;
  }
  return std::nullopt;
}

}  // namespace

const Rule kDropNeutral = {
    .name = "drop-neutral",
    .law = "x * 1 => x; x / 1 => x; x - 0 => x; x + -0 => x; pow(x, 1) => x; x and true => x; where(true, x, y) => x",
    .why = "The constant is the operation's neutral element, bit for bit, and broadcasts to x's shape.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
