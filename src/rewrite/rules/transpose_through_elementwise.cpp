// transpose(f(transpose(a, p), b, ...), q) => f(transpose(a, p[q]), transpose(b, q), ...) for elementwise f
//
// With q the inverse of p, a's transposes vanish: (a.T + b).T => a + b.T. Operands of lower rank are transposed after the
// axes they lack are put in front, which broadcasting would do; scalars and one-element operands stay as they are.
#include <algorithm>

#include "rewrite/elementwise.h"
#include "rewrite/match.h"
#include "rewrite/rules/permutation.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Transpose"};

// The operand as it must be so that f of all operands is f's old result transposed by `permutation`.
std::optional<Patch::Ref> moved_operand(const RuleContext& context, Patch& patch, ValueId operand,
                                        const Permutation& permutation) {
  const Shape* shape = context.shape(operand);
  if (shape == nullptr || shape->size() > permutation.size()) return std::nullopt;
  if (one_element(*shape)) return Patch::Ref(operand);
  Patch::Ref source = operand;
  const std::size_t missing = permutation.size() - shape->size();
  if (missing == 0) {
    if (const Node* inner = context.producer(operand, "Transpose")) {
      const auto p = permutation_of(context, *inner);
      if (!p || p->size() != permutation.size()) return std::nullopt;
      const Permutation composed = compose(*p, permutation);
      if (is_identity(composed)) return Patch::Ref(inner->inputs[0]);
      return patch.node("Transpose", {inner->inputs[0]}, {{"perm", composed}});
    }
  } else {
    std::vector<std::int64_t> axes;
    for (std::size_t i = 0; i < missing; ++i) axes.push_back(static_cast<std::int64_t>(i));
    source = patch.node("Unsqueeze", {source, patch.constant("axes", int64s(axes))});
  }
  return patch.node("Transpose", {source}, {{"perm", permutation}});
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& outer = context.graph.node(root);
  const Node* f = context.graph.producer(outer.inputs[0]);
  if (f == nullptr || !is_elementwise(*f) || !context.only_used_by(outer.inputs[0], root)) return std::nullopt;
  const auto permutation = permutation_of(context, outer);
  if (!permutation) return std::nullopt;
  const bool has_transposed_operand =
      std::ranges::any_of(f->inputs, [&](ValueId id) { return context.producer(id, "Transpose") != nullptr; });
  if (!has_transposed_operand) return std::nullopt;
  Patch patch;
  std::vector<Patch::Ref> operands;
  for (const ValueId input : f->inputs) {
    if (!input.valid()) return std::nullopt;
    const auto operand = moved_operand(context, patch, input, *permutation);
    if (!operand) return std::nullopt;
    operands.push_back(*operand);
  }
  patch.replace(outer.outputs[0], patch.node(f->op_type, std::move(operands), f->attributes));
  return patch;
}

}  // namespace

const Rule kTransposeThroughElementwise = {
    .name = "transpose-through-elementwise",
    .law = "transpose(f(transpose(a, p), b), q) => f(transpose(a, p[q]), transpose(b, q))",
    .why =
        "An elementwise operator commutes with any permutation of the axes, and a transpose with its inverse is "
        "nothing.",
    .kind = RuleKind::kFewerNodes,
    .cost_decides = true,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
