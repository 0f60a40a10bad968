// x * a + x * b => x * (a + b), for values that are said to be finite
//
// inf * 1 + inf * -1 is NaN and inf * 0 too, but inf * (1e30 + 1e-30) is not; and 1e38 * 10 - 1e38 * 9 overflows on the way.
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Add", "Sub"};

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& sum = context.graph.node(root);
  const Shape* shape = context.shape(sum.outputs[0]);
  if (shape == nullptr || (is_floating_point(context.dtype(sum.outputs[0])) && !context.assume_finite))
    return std::nullopt;
  const Node* p = context.producer(sum.inputs[0], "Mul");
  const Node* q = context.producer(sum.inputs[1], "Mul");
  if (p == nullptr || q == nullptr || p == q) return std::nullopt;
  if (only_user(context, sum.inputs[0]) != root || only_user(context, sum.inputs[1]) != root) return std::nullopt;
  for (const std::size_t i : {0U, 1U}) {
    for (const std::size_t k : {0U, 1U}) {
      const ValueId x = p->inputs[i];
      const ValueId a = p->inputs[1 - i];
      const ValueId b = q->inputs[1 - k];
      if (x != q->inputs[k] || context.shape(a) == nullptr || context.shape(b) == nullptr) continue;
      Patch patch;
      patch.replace(sum.outputs[0], patch.node("Mul", {x, patch.node(sum.op_type, {a, b})}));
      return patch;
    }
  }
  return std::nullopt;
}

}  // namespace

const Rule kFactorProduct = {
    .name = "factor-product",
    .law = "x * a + x * b => x * (a + b), for finite values",
    .why = "Multiplication distributes over addition, and one product is cheaper than two.",
    .kind = RuleKind::kCheaperSubgraph,
    .exact = false,
    .cost_decides = true,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
