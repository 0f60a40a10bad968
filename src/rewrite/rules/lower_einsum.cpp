// einsum("ii", x) => reduce_sum(diagonal(x)); einsum("ij,jk->ik", a, b) => matmul(a, b); einsum("i,i->i", a, b) => a * b
//
// Taken where few nodes do: one operand as its diagonal, ReduceSum and Transpose; two as a MatMul (one summed label that
// both have) or a Mul (none), with a Transpose or an axis put in where the order of labels asks for it.
#include <algorithm>

#include "ops/linalg/einsum.h"
#include "rewrite/rules/diagonal.h"
#include "rewrite/rules/permutation.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Einsum"};
constexpr int kMostNodes = 4;

using Labels = std::vector<std::size_t>;
using Ints = std::vector<std::int64_t>;

bool contains(const Labels& labels, std::size_t label) { return std::ranges::find(labels, label) != labels.end(); }

// A value with a label for each axis, and the nodes it takes to bring it into an order.
class Operand {
 public:
  Operand(Patch& patch, Patch::Ref ref, Labels labels) : labels(std::move(labels)), ref(ref), patch_(patch) {}

  void sum_over(const std::function<bool(std::size_t)>& unwanted) {
    Ints axes;
    Labels kept;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (unwanted(labels[i])) {
        axes.push_back(static_cast<std::int64_t>(i));
      } else {
        kept.push_back(labels[i]);
      }
    }
    if (axes.empty()) return;
    ref = patch_.node("ReduceSum", {ref, patch_.constant("axes", int64s(axes))}, {{"keepdims", std::int64_t{0}}});
    labels = std::move(kept);
    ++nodes;
  }

  // The axes in the order of `order`, which has each label once; those it lacks become axes of size 1.
  void bring_to(const Labels& order) {
    Permutation permutation;
    Ints missing;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto at = std::ranges::find(labels, order[i]);
      if (at == labels.end()) {
        missing.push_back(static_cast<std::int64_t>(i));
      } else {
        permutation.push_back(at - labels.begin());
      }
    }
    if (!is_identity(permutation)) {
      ref = patch_.node("Transpose", {ref}, {{"perm", permutation}});
      ++nodes;
    }
    if (!missing.empty()) {
      ref = patch_.node("Unsqueeze", {ref, patch_.constant("axes", int64s(missing))});
      ++nodes;
    }
    labels = order;
  }

  Labels labels;
  Patch::Ref ref;
  int nodes = 0;

 private:
  Patch& patch_;
};

bool has_repeated_label(const Labels& labels) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (std::ranges::count(labels, labels[i]) > 1) return true;
  }
  return false;
}

Labels result_labels(const EinsumEquation& equation) {
  Labels labels(equation.result_rank);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = i;
  return labels;
}

std::optional<Patch> one_operand(const RuleContext& context, const Node& node, const EinsumEquation& equation) {
  Patch patch;
  Labels labels = equation.operands[0];
  Patch::Ref ref = node.inputs[0];
  const std::size_t rank = labels.size();
  if (has_repeated_label(labels)) {
    if (rank < 2 || labels[rank - 1] != labels[rank - 2]) return std::nullopt;
    const auto diagonal =
        rank == 2 ? diagonal_of(context, patch, node.inputs[0]) : batched_diagonal_of(context, patch, node.inputs[0]);
    if (!diagonal) return std::nullopt;
    ref = *diagonal;
    labels.pop_back();
    if (has_repeated_label(labels)) return std::nullopt;
  }
  Operand operand(patch, ref, std::move(labels));
  operand.sum_over([&](std::size_t label) { return label >= equation.result_rank; });
  operand.bring_to(result_labels(equation));
  patch.replace(node.outputs[0], operand.ref);
  return patch;
}

std::optional<Patch> two_operands(const Node& node, const EinsumEquation& equation) {
  Patch patch;
  Operand a(patch, node.inputs[0], equation.operands[0]);
  Operand b(patch, node.inputs[1], equation.operands[1]);
  if (has_repeated_label(a.labels) || has_repeated_label(b.labels)) return std::nullopt;
  const auto summed = [&](std::size_t label) { return label >= equation.result_rank; };
  const Labels in_a = a.labels;
  const Labels in_b = b.labels;
  a.sum_over([&](std::size_t label) { return summed(label) && !contains(in_b, label); });
  b.sum_over([&](std::size_t label) { return summed(label) && !contains(in_a, label); });
  Labels batch, rows, columns, contracted;
  for (const std::size_t label : a.labels) {
    if (contains(b.labels, label)) {
      (summed(label) ? contracted : batch).push_back(label);
    } else {
      rows.push_back(label);
    }
  }
  for (const std::size_t label : b.labels) {
    if (!contains(a.labels, label)) columns.push_back(label);
  }
  const Labels wanted = result_labels(equation);
  if (contracted.empty()) {
    a.bring_to(wanted);
    b.bring_to(wanted);
    if (a.nodes + b.nodes + 1 > kMostNodes) return std::nullopt;
    patch.replace(node.outputs[0], patch.node("Mul", {a.ref, b.ref}));
    return patch;
  }
  if (contracted.size() != 1 || rows.size() > 1 || columns.size() > 1) return std::nullopt;
  std::ranges::sort(batch);
  const std::size_t none = equation.label_count;  // the label of an axis of size 1
  Labels left = batch;
  left.push_back(rows.empty() ? none : rows[0]);
  Labels product = left;
  left.push_back(contracted[0]);
  Labels right = batch;
  right.push_back(contracted[0]);
  right.push_back(columns.empty() ? none + 1 : columns[0]);
  product.push_back(right.back());
  a.bring_to(left);
  b.bring_to(right);
  Operand result(patch, patch.node("MatMul", {a.ref, b.ref}), product);
  Ints axes;
  Labels kept;
  for (std::size_t i = 0; i < product.size(); ++i) {
    if (product[i] >= none) {
      axes.push_back(static_cast<std::int64_t>(i));
    } else {
      kept.push_back(product[i]);
    }
  }
  if (!axes.empty()) {
    result.ref = patch.node("Squeeze", {result.ref, patch.constant("axes", int64s(axes))});
    ++result.nodes;
  }
  result.labels = kept;
  result.bring_to(wanted);
  if (a.nodes + b.nodes + result.nodes + 1 > kMostNodes) return std::nullopt;
  patch.replace(node.outputs[0], result.ref);
  return patch;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  const auto text = get_string(node, "equation", "");
  std::vector<std::size_t> ranks;
  for (const ValueId input : node.inputs) {
    const Shape* shape = context.shape(input);
    if (shape == nullptr) return std::nullopt;
    ranks.push_back(shape->size());
  }
  // Labels of an ellipsis broadcast; the products above do not.
  if (!text || text->find("...") != std::string::npos) return std::nullopt;
  const auto equation = EinsumEquation::parse(*text, ranks);
  if (!equation) return std::nullopt;
  if (node.inputs.size() == 1) return one_operand(context, node, *equation);
  return node.inputs.size() == 2 ? two_operands(node, *equation) : std::nullopt;
}

}  // namespace

const Rule kLowerEinsum = {
    .name = "lower-einsum",
    .law = "einsum(\"ii\", x) => reduce_sum(diagonal(x)); einsum(\"ij,jk->ik\", a, b) => matmul(a, b)",
    .why = "The sum of products is one that a simpler operator computes.",
    .kind = RuleKind::kCheaperNode,
    .exact = false,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
