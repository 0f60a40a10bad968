// gather(x, [s, s + d, s + 2 d, ...]) => x[s::d] along the axis
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Gather"};

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  const Shape* shape = context.shape(node.inputs[0]);
  const Tensor* tensor = context.constant(node.inputs[1]);
  if (shape == nullptr || tensor == nullptr || tensor->rank() != 1 || tensor->element_count() < 2) return std::nullopt;
  const auto axis = axis_attribute(node, "axis", 0, shape->size());
  if (!axis) return std::nullopt;
  // An index that is out of range is an error for Gather and cut off by Slice, so the size must be known.
  const Dim& size = (*shape)[static_cast<std::size_t>(*axis)];
  if (!size.is_known()) return std::nullopt;
  Ints indices = to_int64s(*tensor);
  for (std::int64_t& index : indices) {
    if (index < 0) index += size.value();
    if (index < 0 || index >= size.value()) return std::nullopt;
  }
  const std::int64_t step = indices[1] - indices[0];
  if (step == 0) return std::nullopt;
  for (std::size_t i = 1; i < indices.size(); ++i) {
    if (indices[i] - indices[i - 1] != step) return std::nullopt;
  }
  // Backwards, the place before the first element cannot be named but by a number below every size.
  const std::int64_t last = indices.back() + (step > 0 ? 1 : -1);
  const std::int64_t end = last < 0 ? INT64_MIN : last;
  Patch patch;
  const auto ints = [&](std::int64_t value) { return patch.constant("ints", int64s(Ints{value})); };
  patch.replace(node.outputs[0],
                patch.node("Slice", {node.inputs[0], ints(indices[0]), ints(end), ints(*axis), ints(step)}));
  return patch;
}

}  // namespace

const Rule kGatherToSlice = {
    .name = "gather-to-slice",
    .law = "gather(x, [s, s + d, s + 2 d, ...]) => x[s::d]",
    .why = "Places at equal distances are a slice, which needs no list of them.",
    .kind = RuleKind::kCheaperNode,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
