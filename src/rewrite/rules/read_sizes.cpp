// f(shape(x)) => shape(x)[s:e], and concat(..., f(shape(x)), ...) => concat(constant, shape(x)[s:e], ...)
//
// Exporters gather each size by itself, put an axis on it, and concatenate. Shape reads neighbouring sizes at once.
#include <algorithm>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Cast",  "Concat",  "Gather",    "Identity", "Reshape",
                                       "Slice", "Squeeze", "Unsqueeze", "Shape"};
constexpr std::size_t kMaxSearched = 64;  // nodes behind a root

// Whether the value is at hand in every run before the nodes that compute the sizes.
bool is_source(const Graph& graph, ValueId id) { return graph.value(id).kind == Value::Kind::kInput; }

// The values whose sizes can be read: the graph's inputs first (so that equal reads become one), then those whose Shape
// the root depends on.
std::vector<ValueId> readable_values(const RuleContext& context, const Node& root) {
  std::vector<ValueId> found;
  for (const ValueId id : context.graph.inputs()) {
    if (context.shape(id) != nullptr) found.push_back(id);
  }
  if (root.op_type == "Shape") return found;
  std::vector<const Node*> pending = {&root};
  for (std::size_t i = 0; i < pending.size() && i < kMaxSearched; ++i) {
    for (const ValueId input : pending[i]->inputs) {
      const Node* node = context.graph.producer(input);
      if (node == nullptr || std::ranges::find(pending, node) != pending.end()) continue;
      pending.push_back(node);
      if (is_one_of(*node, std::initializer_list<std::string_view>{"Shape"}) &&
          context.shape(node->inputs[0]) != nullptr)
        found.push_back(node->inputs[0]);
    }
  }
  return found;
}

struct Piece {
  ValueId value;  // none: sizes that are known
  std::size_t start = 0;
  std::size_t count = 0;
};

// The longest run of sizes[begin:] that stands in one of the values.
std::optional<Piece> longest_read(const RuleContext& context, const std::vector<ValueId>& values,
                                  const ShapeData& sizes, std::size_t begin) {
  std::optional<Piece> best;
  for (const ValueId id : values) {
    const Shape& shape = *context.shape(id);
    for (std::size_t start = 0; start < shape.size(); ++start) {
      std::size_t count = 0;
      while (begin + count < sizes.size() && start + count < shape.size() &&
             shape[start + count] == sizes[begin + count])
        ++count;
      if (count > 0 && (!best || count > best->count)) best = Piece{id, start, count};
    }
  }
  return best;
}

std::optional<std::vector<Piece>> cut(const RuleContext& context, const Node& root, const ShapeData& sizes) {
  const std::vector<ValueId> values = readable_values(context, root);
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < sizes.size();) {
    if (sizes[i].is_known()) {
      if (pieces.empty() || pieces.back().value.valid()) pieces.push_back({{}, i, 0});
      ++pieces.back().count;
      ++i;
      continue;
    }
    const auto piece = longest_read(context, values, sizes, i);
    if (!piece) return std::nullopt;
    pieces.push_back(*piece);
    i += piece->count;
  }
  return pieces;
}

Patch::Ref read(Patch& patch, const RuleContext& context, const Piece& piece) {
  Attributes attributes;
  const std::size_t rank = context.shape(piece.value)->size();
  if (piece.start != 0) attributes.emplace("start", static_cast<std::int64_t>(piece.start));
  if (piece.start + piece.count != rank)
    attributes.emplace("end", static_cast<std::int64_t>(piece.start + piece.count));
  return patch.node("Shape", {piece.value}, std::move(attributes));
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  const Shape* shape = context.shape(node.outputs[0]);
  if (shape == nullptr || shape->size() != 1 || context.dtype(node.outputs[0]) != DType::kInt64) return std::nullopt;
  if (node.op_type == "Shape" && is_source(context.graph, node.inputs[0])) return std::nullopt;
  const auto sizes = context.shape_data(node.outputs[0]);
  if (!sizes || sizes->empty() || known_dims(*sizes)) return std::nullopt;
  const auto pieces = cut(context, node, *sizes);
  if (!pieces || (pieces->size() > 1 && node.op_type != "Concat")) return std::nullopt;
  if (node.op_type == "Concat" && pieces->size() >= node.inputs.size()) return std::nullopt;
  Patch patch;
  std::vector<Patch::Ref> parts;
  for (const Piece& piece : *pieces) {
    if (piece.value.valid()) {
      parts.push_back(read(patch, context, piece));
      continue;
    }
    Ints known;
    for (std::size_t i = 0; i < piece.count; ++i) known.push_back((*sizes)[piece.start + i].value());
    parts.push_back(patch.constant("sizes", int64s(known)));
  }
  patch.replace(node.outputs[0],
                parts.size() == 1 ? parts[0] : patch.node("Concat", std::move(parts), {{"axis", std::int64_t{0}}}));
  return patch;
}

}  // namespace

const Rule kReadSizes = {
    .name = "read-sizes",
    .law = "f(shape(x)) => shape(x)[s:e]; concat of sizes => concat(constant, shape(x)[s:e])",
    .why = "The computed sizes are, for every shape of x, sizes that x itself (or a model input) has.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
