// (a b) c => a (b c), and a (b c) => (a b) c, where that takes fewer multiplications
// x a + x b => x (a + b),  a x + b x => (a + b) x
//
// Infinities make the difference (inf - inf is NaN, and may not come up in the other order), so both are for values that
// are said to be finite.
//
// With a, b and c weights, their product or sum is folded: linear layers with nothing between them become one.
#include <algorithm>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kProducts[] = {"MatMul"};
constexpr std::string_view kSums[] = {"Add"};

// Rows and columns of a matrix without batch axes.
struct Sizes {
  Dim rows;
  Dim columns;
};
std::optional<Sizes> matrix(const RuleContext& context, ValueId id) {
  const Shape* shape = context.shape(id);
  if (shape == nullptr || shape->size() != 2) return std::nullopt;
  return Sizes{(*shape)[0], (*shape)[1]};
}

double typical(const Dim& dim) {
  constexpr std::int64_t kTypicalSymbol = 16;
  const Dim substituted = dim.substitute([](const std::string&) { return Dim(kTypicalSymbol); });
  return static_cast<double>(substituted.known().value_or(kTypicalSymbol));
}

// Multiplications, when the model runs, of a product of matrices of these sizes.
double work(const Dim& rows, const Dim& inner, const Dim& columns, bool folded) {
  return folded ? 0 : typical(rows) * typical(inner) * typical(columns);
}

std::optional<Patch> reassociate(const RuleContext& context, NodeId root) {
  if (!context.assume_finite) return std::nullopt;
  const Node& outer = context.graph.node(root);
  for (const bool left : {true, false}) {
    const ValueId product = outer.inputs[left ? 0 : 1];
    const Node* inner = context.producer(product, "MatMul");
    if (inner == nullptr || only_user(context, product) != root) continue;
    const ValueId a = left ? inner->inputs[0] : outer.inputs[0];
    const ValueId b = left ? inner->inputs[1] : inner->inputs[0];
    const ValueId c = left ? outer.inputs[1] : inner->inputs[1];
    if (outer.inputs[0] == outer.inputs[1]) continue;
    const auto sa = matrix(context, a);
    const auto sb = matrix(context, b);
    const auto sc = matrix(context, c);
    if (!sa || !sb || !sc) continue;
    const auto constant = [&](ValueId id) { return context.constant(id) != nullptr; };
    const double from_left = work(sa->rows, sa->columns, sb->columns, constant(a) && constant(b)) +
                             work(sa->rows, sb->columns, sc->columns, false);
    const double from_right = work(sb->rows, sb->columns, sc->columns, constant(b) && constant(c)) +
                              work(sa->rows, sa->columns, sc->columns, false);
    // Not for a few percent: the sums are rounded in another order.
    if (left ? from_right >= 0.9 * from_left : from_left >= 0.9 * from_right) continue;
    Patch patch;
    patch.replace(outer.outputs[0], left ? patch.node("MatMul", {a, patch.node("MatMul", {b, c})})
                                         : patch.node("MatMul", {patch.node("MatMul", {a, b}), c}));
    return patch;
  }
  return std::nullopt;
}

std::optional<Patch> factor(const RuleContext& context, NodeId root) {
  if (!context.assume_finite) return std::nullopt;
  const Node& add = context.graph.node(root);
  const Node* p = context.producer(add.inputs[0], "MatMul");
  const Node* q = context.producer(add.inputs[1], "MatMul");
  if (p == nullptr || q == nullptr || p == q) return std::nullopt;
  if (only_user(context, add.inputs[0]) != root || only_user(context, add.inputs[1]) != root) return std::nullopt;
  for (const std::size_t shared : {0U, 1U}) {
    const ValueId a = p->inputs[1 - shared];
    const ValueId b = q->inputs[1 - shared];
    if (p->inputs[shared] != q->inputs[shared] || !same_shape(context.shape(a), context.shape(b))) continue;
    Patch patch;
    const auto sum = patch.node("Add", {a, b});
    std::vector<Patch::Ref> inputs{sum, sum};
    inputs[shared] = p->inputs[shared];
    patch.replace(add.outputs[0], patch.node("MatMul", std::move(inputs)));
    return patch;
  }
  return std::nullopt;
}

}  // namespace

const Rule kReassociateMatMul = {
    .name = "reassociate-matmul",
    .law = "(a b) c => a (b c) where that takes fewer multiplications, for finite values",
    .why = "A product of matrices does not depend on where it is begun, but its cost does.",
    .kind = RuleKind::kCheaperSubgraph,
    .exact = false,
    .roots = kProducts,
    .propose = reassociate,
};

const Rule kFactorMatMul = {
    .name = "factor-matmul",
    .law = "x a + x b => x (a + b); a x + b x => (a + b) x, for finite values",
    .why = "Multiplication distributes over addition, and one product is cheaper than two.",
    .kind = RuleKind::kCheaperSubgraph,
    .exact = false,
    .cost_decides = true,
    .roots = kSums,
    .propose = factor,
};

}  // namespace cycloid
