// f(expand(x, s), y) => f(x, y) where f broadcasts x as far anyway; also tile, matmul's batch axes, and f = expand
#include <algorithm>

#include "ops/infer.h"
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Add",  "And",         "BitwiseAnd", "BitwiseOr", "BitwiseXor",
                                       "Div",  "Equal",       "Expand",     "Greater",   "GreaterOrEqual",
                                       "Less", "LessOrEqual", "MatMul",     "Max",       "Mean",
                                       "Min",  "Mod",         "Mul",        "Or",        "Pow",
                                       "Sub",  "Sum",         "Where",      "Xor"};

// The shape without the two axes of the matrices.
Shape batch_of(const Shape& shape) { return Shape(shape.begin(), shape.end() - 2); }

// What the operands' shapes broadcast to; nullopt where that is not certain.
std::optional<Shape> together(const std::vector<Shape>& shapes) {
  Shape all;
  for (const Shape& shape : shapes) {
    const auto joined = broadcast(all, shape);
    if (!joined) return std::nullopt;
    all = *joined;
  }
  return all;
}

// An Expand, or a Tile that repeats axes of size 1 only.
const Node* expanding(const RuleContext& context, ValueId id) {
  if (const Node* expand = context.producer(id, "Expand")) return expand;
  const Node* tile = context.producer(id, "Tile");
  const Shape* from = tile != nullptr ? context.shape(tile->inputs[0]) : nullptr;
  const Shape* to = context.shape(id);
  if (from == nullptr || to == nullptr || from->size() != to->size()) return nullptr;
  for (std::size_t axis = 0; axis < from->size(); ++axis) {
    if (!(*from)[axis].is(1) && !((*from)[axis] == (*to)[axis])) return nullptr;
  }
  return tile;
}

// expand(expand(x, s), t): to t where that has all the sizes, or to the result's sizes where they are known.
std::optional<Patch> compose_expands(const RuleContext& context, const Node& node) {
  const Node* inner = expanding(context, node.inputs[0]);
  const Shape* from = inner != nullptr ? context.shape(inner->inputs[0]) : nullptr;
  const Shape* result = context.shape(node.outputs[0]);
  if (from == nullptr || result == nullptr) return std::nullopt;
  Patch patch;
  Patch::Ref sizes = node.inputs[1];
  const auto asked = context.shape_data(node.inputs[1]);
  const auto reached = asked ? together({*from, Shape(asked->begin(), asked->end())}) : std::nullopt;
  if (!reached || *reached != *result) {
    const auto known = known_dims(*result);
    if (!known) return std::nullopt;
    sizes = patch.constant("shape", int64s(*known));
  }
  patch.replace(node.outputs[0], patch.node("Expand", {inner->inputs[0], sizes}));
  return patch;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  if (node.op_type == "Expand") return compose_expands(context, node);
  const Shape* result = context.shape(node.outputs[0]);
  const bool product = node.op_type == "MatMul";
  if (result == nullptr) return std::nullopt;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const Node* expand = node.inputs[i].valid() ? expanding(context, node.inputs[i]) : nullptr;
    const Shape* from = expand != nullptr ? context.shape(expand->inputs[0]) : nullptr;
    if (from == nullptr) continue;
    std::vector<Shape> shapes;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const Shape* shape = k == i ? from : context.shape(node.inputs[k]);
      if (shape == nullptr || (product && shape->size() < 2)) return std::nullopt;
      shapes.push_back(product ? batch_of(*shape) : *shape);
    }
    // The matrices themselves must not have been expanded.
    const Shape* expanded = context.shape(node.inputs[i]);
    if (product &&
        (expanded == nullptr || expanded->size() < 2 || !std::equal(from->end() - 2, from->end(), expanded->end() - 2)))
      continue;
    const auto all = together(shapes);
    if (!all || *all != (product ? batch_of(*result) : *result)) continue;
    Patch patch;
    std::vector<Patch::Ref> inputs;
    for (std::size_t k = 0; k < node.inputs.size(); ++k)
      inputs.emplace_back(k == i ? expand->inputs[0] : node.inputs[k]);
    patch.replace(node.outputs[0], patch.node(node.op_type, std::move(inputs), node.attributes));
    return patch;
  }
  return std::nullopt;
}

}  // namespace

const Rule kDropBroadcast = {
    .name = "drop-broadcast",
    .law =
        "f(expand(x, s), y) => f(x, y) where f broadcasts x to the same shape; tile of axes of size 1, and f = expand, "
        "alike",
    .why = "The operator repeats the elements of the smaller operand itself, without a copy.",
    .kind = RuleKind::kCheaperSubgraph,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
