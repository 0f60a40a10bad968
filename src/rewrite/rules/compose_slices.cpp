// slice(slice(x, a), b) => slice(x, a and b): over other axes, or a part of a part
#include <algorithm>
#include <limits>
#include <map>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Slice"};

struct Range {
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::int64_t step = 1;
};
using Ranges = std::map<std::int64_t, Range>;  // by axis

std::optional<Ranges> ranges_of(const RuleContext& context, const Node& slice, std::size_t rank) {
  const auto starts = context.constant_ints(slice.inputs[1]);
  const auto ends = context.constant_ints(slice.inputs[2]);
  if (!starts || !ends || starts->size() != ends->size()) return std::nullopt;
  Ints axes(starts->size());
  for (std::size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<std::int64_t>(i);
  Ints steps(starts->size(), 1);
  for (const auto& [input, values] : {std::pair(std::size_t{3}, &axes), std::pair(std::size_t{4}, &steps)}) {
    if (!has_input(slice, input)) continue;
    const auto given = context.constant_ints(slice.inputs[input]);
    if (!given || given->size() != starts->size()) return std::nullopt;
    *values = *given;
  }
  Ranges ranges;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t axis = axes[i] < 0 ? axes[i] + static_cast<std::int64_t>(rank) : axes[i];
    if (!ranges.emplace(axis, Range{(*starts)[i], (*ends)[i], steps[i]}).second) return std::nullopt;
  }
  return ranges;
}

// inner, then outer of what it left. Only ranges that count from the beginning: where the axis ends does not matter then.
std::optional<Range> compose(const Range& inner, const Range& outer) {
  if (inner.start < 0 || inner.end < 0 || inner.step < 1 || outer.start < 0 || outer.end < 0 || outer.step < 1)
    return std::nullopt;
  constexpr std::int64_t kFar = std::int64_t{1} << 31;  // beyond it, an end stands for "the end"
  const auto at = [&](std::int64_t i) { return inner.start + std::min(i, kFar) * inner.step; };
  if (inner.start >= kFar || inner.step >= kFar || outer.step >= kFar) return std::nullopt;
  const std::int64_t end = outer.end >= kFar ? inner.end : std::min(inner.end, at(outer.end));
  return Range{at(outer.start), end, inner.step * outer.step};
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& outer = context.graph.node(root);
  const Node* inner = context.producer(outer.inputs[0], "Slice");
  const Shape* shape = context.shape(outer.outputs[0]);
  if (inner == nullptr || shape == nullptr || !context.only_used_by(outer.inputs[0], root)) return std::nullopt;
  auto ranges = ranges_of(context, *inner, shape->size());
  const auto more = ranges_of(context, outer, shape->size());
  if (!ranges || !more) return std::nullopt;
  for (const auto& [axis, range] : *more) {
    const auto [at, is_new] = ranges->emplace(axis, range);
    if (is_new) continue;
    const auto composed = compose(at->second, range);
    if (!composed) return std::nullopt;
    at->second = *composed;
  }
  Ints starts, ends, axes, steps;
  for (const auto& [axis, range] : *ranges) {
    axes.push_back(axis);
    starts.push_back(range.start);
    ends.push_back(range.end);
    steps.push_back(range.step);
  }
  Patch patch;
  std::vector<Patch::Ref> inputs = {inner->inputs[0], patch.constant("starts", int64s(starts)),
                                    patch.constant("ends", int64s(ends)), patch.constant("axes", int64s(axes))};
  if (std::ranges::count(steps, 1) != static_cast<std::ptrdiff_t>(steps.size()))
    inputs.push_back(patch.constant("steps", int64s(steps)));
  patch.replace(outer.outputs[0], patch.node("Slice", std::move(inputs)));
  return patch;
}

}  // namespace

const Rule kComposeSlices = {
    .name = "compose-slices",
    .law = "slice(slice(x, a), b) => slice(x, a and b)",
    .why = "Slice takes any number of axes at once, and a part of a part is a part.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
