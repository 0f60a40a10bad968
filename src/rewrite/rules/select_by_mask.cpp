// compress(x, m) => gather(x, the places where m holds), for a constant mask m
// gather_nd(x, [[i], [j], ...]) => gather(x, [i, j, ...]); of row i element i => the diagonal
// reduce(where(m, x, n)) => reduce(gather(x, the places where m holds)), n the reduction's neutral element
//
// Places at equal distances become a slice, and slices that are all parts of a tensor a Split: segments whose sorted ids
// are constant are parts of known lengths.
#include <algorithm>

#include "rewrite/batching/segments.h"
#include "rewrite/match.h"
#include "rewrite/rules/diagonal.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Compress",  "GatherND",   "ReduceMax", "ReduceMean",
                                       "ReduceMin", "ReduceProd", "ReduceSum"};

// The places where a constant vector of bools (or of zeros and ones) holds; nullopt where there is none, or another number.
std::optional<Ints> places_of(const RuleContext& context, ValueId mask) {
  const Tensor* tensor = context.constant(mask);
  if (tensor == nullptr || tensor->rank() != 1) return std::nullopt;
  Ints places;
  bool holds_only = true;
  const bool known = dispatch<bool, float, double, std::int32_t, std::int64_t>(tensor->dtype(), [&]<class T>(T) {
    const auto data = tensor->data<T>();
    for (std::size_t i = 0; i < data.size(); ++i) {
      if (data[i] == T{1}) places.push_back(static_cast<std::int64_t>(i));
      holds_only = holds_only && (data[i] == T{1} || data[i] == T{0});
    }
  });
  return known && holds_only && !places.empty() ? std::optional(places) : std::nullopt;
}

// Places beside each other are a slice, and the places are known to exist.
Patch::Ref gathered(Patch& patch, const Patch::Ref& x, const Ints& places, std::int64_t axis) {
  const auto ints = [&](std::int64_t value) { return patch.constant("place", int64s(Ints{value})); };
  if (places.front() >= 0 && places.back() - places.front() == std::ssize(places) - 1 &&
      std::ranges::is_sorted(places)) {
    return patch.node("Slice", {x, ints(places.front()), ints(places.back() + 1), ints(axis)});
  }
  return patch.node("Gather", {x, patch.constant("places", int64s(places))}, {{"axis", axis}});
}

std::optional<Patch> compress(const RuleContext& context, const Node& node) {
  const Shape* shape = context.shape(node.inputs[0]);
  const auto places = places_of(context, node.inputs[1]);
  if (shape == nullptr || !places) return std::nullopt;
  const bool flat = !has_attribute(node, "axis");
  if (flat && shape->size() != 1) return std::nullopt;
  const auto axis = axis_attribute(node, "axis", 0, shape->size());
  // A place beyond the end is an error for Gather; Compress declines it too.
  if (!axis || !(*shape)[static_cast<std::size_t>(*axis)].is_known()) return std::nullopt;
  if (places->back() >= (*shape)[static_cast<std::size_t>(*axis)].value()) return std::nullopt;
  Patch patch;
  patch.replace(node.outputs[0], gathered(patch, node.inputs[0], *places, *axis));
  return patch;
}

// gather_nd(x, [[0], [1], ...]; batch_dims = 1): element i of row i.
std::optional<Patch> diagonal(const RuleContext& context, const Node& node, const Ints& places) {
  const Shape* shape = context.shape(node.inputs[0]);
  if (shape == nullptr || shape->size() != 2 || !(*shape)[0].is(std::ssize(places)) || !(*shape)[1].is_known())
    return std::nullopt;
  for (std::int64_t i = 0; i < std::ssize(places); ++i) {
    if (places[static_cast<std::size_t>(i)] != i || i >= (*shape)[1].value()) return std::nullopt;
  }
  Patch patch;
  const auto found = diagonal_of(context, patch, node.inputs[0]);
  if (!found) return std::nullopt;
  patch.replace(node.outputs[0], *found);
  return patch;
}

std::optional<Patch> gather_nd(const RuleContext& context, const Node& node) {
  const auto batch = get_int(node, "batch_dims", 0);
  const Tensor* indices = context.constant(node.inputs[1]);
  if (!batch || indices == nullptr || indices->rank() != 2 || indices->dim(1) != 1 || indices->dim(0) == 0)
    return std::nullopt;
  Patch patch;
  const Ints places = to_int64s(*indices);
  if (*batch == 1) return diagonal(context, node, places);
  if (*batch != 0) return std::nullopt;
  // A place beyond the end is an error for Gather too, and cut off by a slice.
  const Shape* shape = context.shape(node.inputs[0]);
  if (shape == nullptr || !(*shape)[0].is_known() || std::ranges::max(places) >= (*shape)[0].value())
    return std::nullopt;
  patch.replace(node.outputs[0], gathered(patch, node.inputs[0], places, 0));
  return patch;
}

// The vector and the places of where(m, x, neutral) or x * m.
struct Selected {
  ValueId x;
  Ints places;
};
std::optional<Selected> selected(const RuleContext& context, const Node& reduce, SegmentReduction reduction) {
  const DType dtype = context.dtype(reduce.inputs[0]);
  const auto neutral = neutral_element(reduction, dtype);
  ValueId x;
  ValueId mask;
  if (const Node* where = context.producer(reduce.inputs[0], "Where")) {
    if (!neutral || uniform_number(context, where->inputs[2]) != *neutral) return std::nullopt;
    mask = where->inputs[0];
    x = where->inputs[1];
  } else if (const Node* mul = context.producer(reduce.inputs[0], "Mul")) {
    if (reduction != SegmentReduction::kSum || (is_floating_point(dtype) && !context.assume_finite))
      return std::nullopt;
    const bool first = context.constant(mul->inputs[0]) != nullptr;
    mask = mul->inputs[first ? 0 : 1];
    x = mul->inputs[first ? 1 : 0];
  } else {
    return std::nullopt;
  }
  const auto places = places_of(context, mask);
  const Shape* shape = context.shape(x);
  if (!places || shape == nullptr || shape->size() != 1 || !same_shape(shape, context.shape(reduce.inputs[0])))
    return std::nullopt;
  if (!(*shape)[0].is(context.constant(mask)->dim(0))) return std::nullopt;
  return Selected{x, *places};
}

std::optional<Patch> reduction(const RuleContext& context, const Node& node) {
  const auto reduction = segment_reduction(node.op_type);
  if (!reduction || *reduction == SegmentReduction::kMean) return std::nullopt;
  const Shape* shape = context.shape(node.inputs[0]);
  if (shape == nullptr || shape->size() != 1) return std::nullopt;
  const auto axes = has_input(node, 1) ? axes_input(context, node, 1, 1) : std::optional(Ints{0});
  const auto noop = get_int(node, "noop_with_empty_axes", 0);
  if (axes != Ints{0} || !noop || (!has_input(node, 1) && *noop != 0)) return std::nullopt;
  const auto found = selected(context, node, *reduction);
  if (!found) return std::nullopt;
  Patch patch;
  std::vector<Patch::Ref> inputs = {gathered(patch, found->x, found->places, 0)};
  if (has_input(node, 1)) inputs.emplace_back(node.inputs[1]);
  patch.replace(node.outputs[0], patch.node(node.op_type, std::move(inputs), node.attributes));
  return patch;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  if (node.op_type == "Compress") return compress(context, node);
  if (node.op_type == "GatherND") return gather_nd(context, node);
  return reduction(context, node);
}

}  // namespace

const Rule kSelectByMask = {
    .name = "select-by-mask",
    .law =
        "compress(x, m) => gather(x, places of m); reduce(where(m, x, neutral)) => reduce(gather(x, places of m)); m "
        "constant",
    .why = "Which elements a constant mask chooses is known now, and what it leaves out need not be read.",
    .kind = RuleKind::kCheaperSubgraph,
    .exact = false,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
