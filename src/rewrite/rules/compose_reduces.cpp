// reduce(reduce(x, a), b) => reduce(x, a and b);  squeeze(reduce(x, a), a) => reduce(x, a) without keeping the axes
#include <algorithm>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kReduces[] = {"ReduceL1",  "ReduceL2",       "ReduceLogSum", "ReduceLogSumExp",
                                         "ReduceMax", "ReduceMean",     "ReduceMin",    "ReduceProd",
                                         "ReduceSum", "ReduceSumSquare"};
// Those that can be done in two steps. (A mean of means weighs all elements alike, because parts have one size.)
constexpr std::string_view kSteps[] = {"ReduceL1",   "ReduceL2",  "ReduceLogSumExp", "ReduceMax",
                                       "ReduceMean", "ReduceMin", "ReduceProd",      "ReduceSum"};
constexpr std::string_view kRoots[] = {"ReduceL1",   "ReduceL2",  "ReduceLogSumExp", "ReduceMax",
                                       "ReduceMean", "ReduceMin", "ReduceProd",      "ReduceSum",
                                       "Reshape",    "Squeeze",   "Unsqueeze"};

std::optional<bool> keeps(const Node& reduce) {
  const auto keep = get_int(reduce, "keepdims", 1);
  if (!keep) return std::nullopt;
  return *keep != 0;
}

std::optional<Patch> merge(const RuleContext& context, const Node& outer, const Node& inner) {
  const Shape* shape = context.shape(inner.inputs[0]);
  const Shape* middle = context.shape(outer.inputs[0]);
  if (shape == nullptr || middle == nullptr) return std::nullopt;
  const auto first = axes_input(context, inner, 1, shape->size());
  const auto second = axes_input(context, outer, 1, middle->size());
  const auto keep = keeps(outer);
  const auto kept = keeps(inner);
  if (!first || !second || first->empty() || second->empty() || !keep || !kept) return std::nullopt;
  if (*kept != *keep) return std::nullopt;
  Ints axes = *first;
  std::int64_t place = 0;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(shape->size()); ++i) {
    const bool gone = std::ranges::count(*first, i) != 0;
    const std::int64_t in_middle = *kept ? i : place;
    if (!gone && std::ranges::count(*second, in_middle) != 0) axes.push_back(i);
    if (!gone || *kept) ++place;
  }
  std::ranges::sort(axes);
  Patch patch;
  patch.replace(outer.outputs[0],
                patch.node(outer.op_type, {inner.inputs[0], patch.constant("axes", int64s(axes))}, outer.attributes));
  return patch;
}

// A Squeeze, Unsqueeze or Reshape after it that gives the form which the reduction has with the other `keepdims`.
std::optional<Patch> keep_otherwise(const RuleContext& context, const Node& form, const Node& reduce) {
  const Shape* from = context.shape(reduce.inputs[0]);
  const Shape* to = context.shape(form.outputs[0]);
  const auto keep = keeps(reduce);
  if (from == nullptr || to == nullptr || !keep || !has_input(reduce, 1)) return std::nullopt;
  const auto axes = axes_input(context, reduce, 1, from->size());
  if (!axes || axes->empty()) return std::nullopt;
  Shape other;
  for (std::size_t i = 0; i < from->size(); ++i) {
    const bool reduced = std::ranges::count(*axes, static_cast<std::int64_t>(i)) != 0;
    if (!reduced) other.push_back((*from)[i]);
    if (reduced && !*keep) other.push_back(1);
  }
  if (other != *to) return std::nullopt;
  Attributes attributes = reduce.attributes;
  attributes.insert_or_assign("keepdims", std::int64_t{*keep ? 0 : 1});
  Patch patch;
  std::vector<Patch::Ref> inputs(reduce.inputs.begin(), reduce.inputs.end());
  patch.replace(form.outputs[0], patch.node(reduce.op_type, std::move(inputs), std::move(attributes)));
  return patch;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& outer = context.graph.node(root);
  const Node* inner = context.graph.producer(outer.inputs[0]);
  if (inner == nullptr || !is_one_of(*inner, kReduces) || !context.only_used_by(outer.inputs[0], root))
    return std::nullopt;
  if (!is_one_of(outer, kSteps)) return keep_otherwise(context, outer, *inner);
  if (inner->op_type != outer.op_type) return std::nullopt;
  return merge(context, outer, *inner);
}

}  // namespace

const Rule kComposeReduces = {
    .name = "compose-reduces",
    .law = "reduce(reduce(x, a), b) => reduce(x, a and b); squeeze(reduce(x, a), a) => reduce(x, a, keepdims = 0)",
    .why = "The reduction runs over all its axes at once, and leaves them out or keeps them as asked.",
    .kind = RuleKind::kFewerNodes,
    .exact = false,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
