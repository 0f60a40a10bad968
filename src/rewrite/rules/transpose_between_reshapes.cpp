// reshape(transpose(reshape(x, groups of axes), p), the axes again) => transpose(x, p with whole groups of axes)
#include <algorithm>

#include "rewrite/match.h"
#include "rewrite/rules/permutation.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kReshapes[] = {"Flatten", "Reshape", "Squeeze", "Unsqueeze"};

// For each axis of `to` the axes of `from` that it is the product of, in order; nullopt where it is not so. Axes of size 1
// at the end of a group belong to it.
std::optional<std::vector<Permutation>> groups(const Shape& from, const Shape& to) {
  std::vector<Permutation> found;
  std::size_t next = 0;
  for (const Dim& size : to) {
    Permutation group;
    Dim product(1);
    while (next < from.size() && !(product == size && !from[next].is(1))) {
      product = product * from[next];
      group.push_back(static_cast<std::int64_t>(next++));
    }
    if (!(product == size)) return std::nullopt;
    found.push_back(std::move(group));
  }
  return next == from.size() ? std::optional(found) : std::nullopt;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& last = context.graph.node(root);
  const Node* transpose = context.producer(last.inputs[0], "Transpose");
  if (transpose == nullptr || only_user(context, last.inputs[0]) != root) return std::nullopt;
  const Node* first = context.graph.producer(transpose->inputs[0]);
  const auto p = permutation_of(context, *transpose);
  if (first == nullptr || !is_one_of(*first, kReshapes) || !p) return std::nullopt;
  const Shape* before = context.shape(first->inputs[0]);
  const Shape* grouped = context.shape(first->outputs[0]);
  const Shape* after = context.shape(last.outputs[0]);
  if (before == nullptr || grouped == nullptr || after == nullptr || grouped->size() != p->size()) return std::nullopt;
  const auto axes = groups(*before, *grouped);
  if (!axes) return std::nullopt;
  Permutation whole;
  Shape result;
  for (const std::int64_t group : *p) {
    for (const std::int64_t axis : (*axes)[static_cast<std::size_t>(group)]) {
      whole.push_back(axis);
      result.push_back((*before)[static_cast<std::size_t>(axis)]);
    }
  }
  if (!(result == *after)) return std::nullopt;
  Patch patch;
  patch.replace(last.outputs[0], patch.node("Transpose", {first->inputs[0]}, {{"perm", whole}}));
  return patch;
}

}  // namespace

const Rule kTransposeBetweenReshapes = {
    .name = "transpose-between-reshapes",
    .law = "reshape(transpose(reshape(x))) => transpose(x) where the reshapes put axes together that stay together",
    .why = "Axes that stand beside each other before and after are moved as one, whether they are made one or not.",
    .kind = RuleKind::kFewerNodes,
    .roots = kReshapes,
    .propose = propose,
};

}  // namespace cycloid
