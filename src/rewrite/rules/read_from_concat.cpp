// gather(concat(a, b), i) => gather(b, i - size(a)) where all of i lies in b;  slice(concat(a, b)) => slice(b), or b
#include <algorithm>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Gather", "Slice"};

struct Part {
  ValueId value;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

// What is concatenated, by place; nullopt where a size is not known.
std::optional<std::vector<Part>> parts_of(const RuleContext& context, const Node& concat, std::size_t axis) {
  std::vector<Part> parts;
  std::int64_t begin = 0;
  for (const ValueId input : concat.inputs) {
    const Shape* shape = context.shape(input);
    if (shape == nullptr || axis >= shape->size() || !(*shape)[axis].is_known()) return std::nullopt;
    const std::int64_t end = begin + (*shape)[axis].value();
    parts.push_back({input, begin, end});
    begin = end;
  }
  return parts;
}

// The part that holds all of [begin, end).
const Part* holder(const std::vector<Part>& parts, std::int64_t begin, std::int64_t end) {
  for (const Part& part : parts) {
    if (part.begin <= begin && begin < end && end <= part.end) return &part;
  }
  return nullptr;
}

std::optional<Patch> gather(const RuleContext& context, const Node& node, const std::vector<Part>& parts) {
  const Tensor* indices = context.constant(node.inputs[1]);
  if (indices == nullptr || indices->dtype() != DType::kInt64 || indices->element_count() == 0) return std::nullopt;
  const std::int64_t total = parts.back().end;
  Ints places = to_int64s(*indices);
  for (std::int64_t& place : places) place = place < 0 ? place + total : place;
  const auto [low, high] = std::ranges::minmax(places);
  const Part* part = holder(parts, low, high + 1);
  if (part == nullptr) return std::nullopt;
  for (std::int64_t& place : places) place -= part->begin;
  Patch patch;
  const auto moved = patch.constant(context.value(node.inputs[1]).name, int64s(places).reshaped(indices->dims()));
  patch.replace(node.outputs[0], patch.node("Gather", {part->value, moved}, node.attributes));
  return patch;
}

std::optional<Patch> slice(const RuleContext& context, const Node& node, const std::vector<Part>& parts) {
  const auto start = context.constant_ints(node.inputs[1]);
  const auto end = context.constant_ints(node.inputs[2]);
  if (!start || !end || start->size() != 1 || end->size() != 1) return std::nullopt;
  if (has_input(node, 4) && context.constant_ints(node.inputs[4]) != Ints{1}) return std::nullopt;
  const std::int64_t total = parts.back().end;
  const auto place = [&](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + total : i, 0, total); };
  const std::int64_t begin = place(start->front());
  const std::int64_t stop = place(end->front());
  const Part* part = holder(parts, begin, stop);
  if (part == nullptr) return std::nullopt;
  Patch patch;
  if (begin == part->begin && stop == part->end) {
    patch.replace(node.outputs[0], part->value);
    return patch;
  }
  std::vector<Patch::Ref> inputs(node.inputs.begin(), node.inputs.end());
  inputs[0] = part->value;
  inputs[1] = patch.constant("starts", int64s(Ints{begin - part->begin}));
  inputs[2] = patch.constant("ends", int64s(Ints{stop - part->begin}));
  patch.replace(node.outputs[0], patch.node("Slice", std::move(inputs)));
  return patch;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  const Node* concat = context.producer(node.inputs[0], "Concat");
  const Shape* shape = context.shape(node.inputs[0]);
  if (concat == nullptr || shape == nullptr) return std::nullopt;
  const auto joined = axis_attribute(*concat, "axis", 0, shape->size());
  std::optional<std::int64_t> axis;
  if (node.op_type == "Gather") {
    axis = axis_attribute(node, "axis", 0, shape->size());
  } else if (has_input(node, 3)) {
    const auto axes = axes_input(context, node, 3, shape->size());
    if (axes && axes->size() == 1) axis = axes->front();
  } else {
    axis = 0;
  }
  if (!joined || !axis || joined != axis) return std::nullopt;
  const auto parts = parts_of(context, *concat, static_cast<std::size_t>(*axis));
  if (!parts) return std::nullopt;
  return node.op_type == "Gather" ? gather(context, node, *parts) : slice(context, node, *parts);
}

}  // namespace

const Rule kReadFromConcat = {
    .name = "read-from-concat",
    .law = "gather(concat(a, b), i) => gather(b, i - size(a)) where all of i lies in b; slices alike",
    .why = "What is read comes from one part, so the parts need not be put together for it.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
