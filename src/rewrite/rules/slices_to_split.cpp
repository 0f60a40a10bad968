// x[0:i], x[i:j], x[j:] => split(x, [i, j - i, n - j]) along one axis
#include <algorithm>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Slice"};

struct Piece {
  ValueId result;
  std::int64_t axis = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

// A part of known place along one axis of known size.
std::optional<Piece> piece_of(const RuleContext& context, const Node& node) {
  const Shape* shape = context.shape(node.inputs[0]);
  // Integers are sizes as often as not, of which other rules leave nothing.
  if (shape == nullptr || node.inputs.size() < 3 || !is_floating_point(context.dtype(node.inputs[0])))
    return std::nullopt;
  const auto starts = context.constant_ints(node.inputs[1]);
  const auto ends = context.constant_ints(node.inputs[2]);
  const auto axes = has_input(node, 3) ? context.constant_ints(node.inputs[3]) : std::optional(Ints{0});
  const auto steps = has_input(node, 4) ? context.constant_ints(node.inputs[4]) : std::optional(Ints{1});
  if (!starts || !ends || !axes || !steps || starts->size() != 1 || ends->size() != 1 || axes->size() != 1 ||
      *steps != Ints{1})
    return std::nullopt;
  const auto rank = static_cast<std::int64_t>(shape->size());
  const std::int64_t axis = (*axes)[0] < 0 ? (*axes)[0] + rank : (*axes)[0];
  if (axis < 0 || axis >= rank || !(*shape)[static_cast<std::size_t>(axis)].is_known()) return std::nullopt;
  const std::int64_t size = (*shape)[static_cast<std::size_t>(axis)].value();
  const auto place = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size); };
  const Piece piece{node.outputs[0], axis, place((*starts)[0]), place((*ends)[0])};
  return piece.begin < piece.end ? std::optional(piece) : std::nullopt;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  const auto first = piece_of(context, node);
  if (!first) return std::nullopt;
  std::vector<Piece> pieces;
  for (const Use use : context.value(node.inputs[0]).uses) {
    if (use.input != 0) continue;
    const Node& other = context.graph.node(use.node);
    if (!is_one_of(other, kRoots)) continue;
    const auto piece = piece_of(context, other);
    if (piece && piece->axis == first->axis) pieces.push_back(*piece);
  }
  std::ranges::sort(pieces, {}, &Piece::begin);
  // All of the tensor, and no element twice.
  const std::int64_t size = (*context.shape(node.inputs[0]))[static_cast<std::size_t>(first->axis)].value();
  std::int64_t next = 0;
  Ints lengths;
  for (const Piece& piece : pieces) {
    if (piece.begin != next) return std::nullopt;
    lengths.push_back(piece.end - piece.begin);
    next = piece.end;
  }
  if (next != size || pieces.size() < 2) return std::nullopt;
  Patch patch;
  const auto parts = patch.node_with_outputs(
      pieces.size(), "Split", {node.inputs[0], patch.constant("lengths", int64s(lengths))}, {{"axis", first->axis}});
  for (std::size_t i = 0; i < pieces.size(); ++i) patch.replace(pieces[i].result, parts[i]);
  return patch;
}

}  // namespace

const Rule kSlicesToSplit = {
    .name = "slices-to-split",
    .law = "x[0:i], x[i:j], x[j:] => split(x, [i, j - i, n - j])",
    .why = "The slices are all parts of a tensor in order, which one operator cuts apart.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
