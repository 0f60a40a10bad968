// a * m + b * (1 - m) => where(m, a, b)
//
// m is a condition cast to a number. 0 * infinity and 0 * NaN are NaN, so for floats these are for values that are said to be
// finite.
#include <algorithm>

#include "rewrite/match.h"
#include "rewrite/product.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Add"};

// The condition that is cast, or of which 1 minus the cast (or the cast of its negation) is taken.
struct Weight {
  ValueId condition;
  bool negated = false;
  friend bool operator==(const Weight&, const Weight&) = default;
};
std::optional<Weight> weight_of(const RuleContext& context, ValueId id) {
  if (const Node* sub = context.producer(id, "Sub")) {
    const Tensor* one = context.constant(sub->inputs[0]);
    if (one == nullptr || one_number(*one) != 1.0) return std::nullopt;
    auto weight = weight_of(context, sub->inputs[1]);
    if (weight) weight->negated = !weight->negated;
    return weight;
  }
  const Node* cast = context.producer(id, "Cast");
  if (cast == nullptr || context.dtype(cast->inputs[0]) != DType::kBool) return std::nullopt;
  const Node* negation = context.producer(cast->inputs[0], "Not");
  return negation != nullptr ? Weight{negation->inputs[0], true} : Weight{cast->inputs[0], false};
}

struct Weighted {
  ValueId x;
  Weight weight;
};
std::optional<Weighted> weighted(const RuleContext& context, ValueId id) {
  const Node* mul = context.producer(id, "Mul");
  if (mul == nullptr || !only_user(context, id).valid()) return std::nullopt;
  for (const std::size_t i : {0U, 1U}) {
    if (const auto weight = weight_of(context, mul->inputs[i])) return Weighted{mul->inputs[1 - i], *weight};
  }
  return std::nullopt;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& add = context.graph.node(root);
  const DType dtype = context.dtype(add.outputs[0]);
  if (is_floating_point(dtype) && !context.assume_finite) return std::nullopt;
  const auto a = weighted(context, add.inputs[0]);
  const auto b = weighted(context, add.inputs[1]);
  if (!a || !b || a->weight.condition != b->weight.condition || a->weight.negated == b->weight.negated)
    return std::nullopt;
  Patch patch;
  const bool swapped = a->weight.negated;
  patch.replace(add.outputs[0],
                patch.node("Where", {a->weight.condition, swapped ? b->x : a->x, swapped ? a->x : b->x}));
  return patch;
}

}  // namespace

const Rule kMaskToWhere = {
    .name = "mask-to-where",
    .law = "a * m + b * (1 - m) => where(m, a, b) for a condition m as a number, for finite values",
    .why = "One of the two factors is 1 and the other one is 0, so the sum is one of the two values.",
    .kind = RuleKind::kCheaperSubgraph,
    .cost_decides = true,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
