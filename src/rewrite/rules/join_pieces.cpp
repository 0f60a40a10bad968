// concat(x[k], x[k+1], ..., x[n-1]) => x[k:n] along one axis; x itself where that is all of it
#include <algorithm>

#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Concat"};

struct Piece {
  ValueId source;
  std::int64_t from = 0;
  std::int64_t to = 0;
};

std::optional<std::int64_t> only_int(const RuleContext& context, const Node& node, std::size_t input) {
  if (node.inputs.size() <= input) return std::nullopt;
  const Tensor* tensor = context.graph.constant(node.inputs[input]);
  if (tensor == nullptr || tensor->element_count() != 1 || !is_integer(tensor->dtype())) return std::nullopt;
  return to_int64s(*tensor)[0];
}

std::optional<std::int64_t> normalized(std::int64_t axis, const Shape& shape) {
  const auto rank = static_cast<std::int64_t>(shape.size());
  if (axis < -rank || axis >= rank) return std::nullopt;
  return axis < 0 ? axis + rank : axis;
}

// slice(x, from, to) with known ends along `axis`.
std::optional<Piece> sliced(const RuleContext& context, const Node& node, std::int64_t axis) {
  const Shape* shape = context.shape(node.inputs[0]);
  const auto from = only_int(context, node, 1);
  const auto to = only_int(context, node, 2);
  if (shape == nullptr || !from || !to || *from < 0 || *to < *from) return std::nullopt;
  if (node.inputs.size() > 4 && node.inputs[4].valid() && only_int(context, node, 4) != 1) return std::nullopt;
  const bool has_axes = node.inputs.size() > 3 && node.inputs[3].valid();
  const auto given = has_axes ? only_int(context, node, 3) : std::optional<std::int64_t>(0);
  if (!given || normalized(*given, *shape) != axis) return std::nullopt;
  // A slice beyond the end is shorter than it says; the next one would not begin where it ends.
  const Dim& size = (*shape)[static_cast<std::size_t>(axis)];
  if (!size.is_known() || *to > size.value()) {
    const Shape* result = context.shape(node.outputs[0]);
    if (result == nullptr || !(*result)[static_cast<std::size_t>(axis)].is(*to - *from)) return std::nullopt;
  }
  return Piece{node.inputs[0], *from, *to};
}

// gather(x, [k]), or gather(x, k) given its axis back.
std::optional<Piece> gathered(const RuleContext& context, const Node& node, std::int64_t axis, std::size_t index_rank) {
  const Shape* shape = context.shape(node.inputs[0]);
  const Shape* index = context.shape(node.inputs[1]);
  const auto given = get_int(node, "axis", 0);
  const auto at = only_int(context, node, 1);
  if (shape == nullptr || index == nullptr || index->size() != index_rank || !given || !at || *at < 0)
    return std::nullopt;
  if (normalized(*given, *shape) != axis) return std::nullopt;
  return Piece{node.inputs[0], *at, *at + 1};
}

std::optional<Piece> piece_of(const RuleContext& context, ValueId id, std::int64_t axis) {
  if (const Node* slice = context.producer(id, "Slice")) return sliced(context, *slice, axis);
  if (const Node* gather = context.producer(id, "Gather")) return gathered(context, *gather, axis, 1);
  for (const std::string_view type : {"Unsqueeze", "Reshape"}) {
    const Node* node = context.producer(id, type);
    const Node* gather = node != nullptr ? context.producer(node->inputs[0], "Gather") : nullptr;
    const Shape* shape = context.shape(id);
    if (gather == nullptr || shape == nullptr) continue;
    if (type == "Unsqueeze") {
      const auto given = only_int(context, *node, 1);
      if (!given || normalized(*given, *shape) != axis) return std::nullopt;
    } else if (shape->size() != 1) {  // a scalar made a vector
      return std::nullopt;
    }
    return gathered(context, *gather, axis, 0);
  }
  return std::nullopt;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& concat = context.graph.node(root);
  const Shape* shape = context.shape(concat.outputs[0]);
  const auto given = get_int(concat, "axis", 0);
  if (shape == nullptr || !given || concat.inputs.size() < 2) return std::nullopt;
  const auto axis = normalized(*given, *shape);
  if (!axis) return std::nullopt;
  std::optional<Piece> whole;
  for (const ValueId input : concat.inputs) {
    const auto piece = piece_of(context, input, *axis);
    if (!piece) return std::nullopt;
    if (!whole) {
      whole = piece;
    } else if (whole->source != piece->source || whole->to != piece->from) {
      return std::nullopt;
    } else {
      whole->to = piece->to;
    }
  }
  if (!whole) return std::nullopt;
  const Shape* source = context.shape(whole->source);
  if (source == nullptr || source->size() != shape->size()) return std::nullopt;
  Patch patch;
  const bool all = whole->from == 0 && (*source)[static_cast<std::size_t>(*axis)].is(whole->to);
  const auto ints = [&](std::int64_t value) {
    return patch.constant("ints", int64s(std::vector<std::int64_t>{value}));
  };
  patch.replace(concat.outputs[0],
                all ? Patch::Ref(whole->source)
                    : patch.node("Slice", {whole->source, ints(whole->from), ints(whole->to), ints(*axis)}));
  return patch;
}

}  // namespace

const Rule kJoinPieces = {
    .name = "join-pieces",
    .law = "concat(x[k], x[k+1], ..., x[n-1]) => x[k:n]",
    .why = "Neighbouring pieces put together in order are one piece.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
