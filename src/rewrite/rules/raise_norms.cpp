// (x - mean(x)) / sqrt(mean((x - mean(x))^2) + e) * s + b => layer_normalization(x, s, b)
// x / sqrt(mean(x^2) + e) * s                             => rms_normalization(x, s)
// exp(x - max(x)) / sum(exp(x - max(x)))                  => softmax(x)
//
// Means go over the last axes. What an older operator set lacks is taken apart again on export.
#include <algorithm>
#include <cmath>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Div", "Mul"};

// A reduction that keeps its axes; nullopt for another operator, or axes that are not known.
std::optional<Ints> kept_axes(const RuleContext& context, const Node* node) {
  const Shape* shape = node != nullptr ? context.shape(node->inputs[0]) : nullptr;
  const auto keep = node != nullptr ? get_int(*node, "keepdims", 1) : Result<std::int64_t>(0);
  if (shape == nullptr || !keep || *keep == 0) return std::nullopt;
  return axes_input(context, *node, 1, shape->size());
}

// The first of the last axes that these are.
std::optional<std::int64_t> last_axes(const Ints& axes, std::size_t rank) {
  if (axes.empty() || axes.size() > rank) return std::nullopt;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] != static_cast<std::int64_t>(rank - axes.size() + i)) return std::nullopt;
  }
  return axes[0];
}

// What is squared.
ValueId base_of_square(const RuleContext& context, ValueId id) {
  if (const Node* mul = context.producer(id, "Mul"))
    return mul->inputs[0] == mul->inputs[1] ? mul->inputs[0] : ValueId{};
  const Node* pow = context.producer(id, "Pow");
  const Tensor* exponent = pow != nullptr ? context.constant(pow->inputs[1]) : nullptr;
  return exponent != nullptr && one_number(*exponent) == 2.0 ? pow->inputs[0] : ValueId{};
}

struct Normalized {
  ValueId x;  // what is divided: x - mean(x), or x
  Ints axes;
  float epsilon = 0;
};

// sqrt(mean(x^2) + epsilon)
std::optional<Normalized> deviation(const RuleContext& context, ValueId id) {
  const Node* sqrt = context.producer(id, "Sqrt");
  const Node* add = sqrt != nullptr ? context.producer(sqrt->inputs[0], "Add") : nullptr;
  if (add == nullptr) return std::nullopt;
  for (const std::size_t i : {0U, 1U}) {
    const Node* mean = context.producer(add->inputs[i], "ReduceMean");
    const Tensor* constant = context.constant(add->inputs[1 - i]);
    const auto epsilon = constant != nullptr ? one_number(*constant) : std::nullopt;
    const auto axes = kept_axes(context, mean);
    if (!axes || !epsilon || !(*epsilon > 0)) continue;
    const ValueId x = base_of_square(context, mean->inputs[0]);
    if (x.valid()) return Normalized{x, *axes, static_cast<float>(*epsilon)};
  }
  return std::nullopt;
}

// x / deviation(x), x * (1 / deviation(x))
std::optional<Normalized> quotient(const RuleContext& context, const Node& node) {
  if (node.op_type == "Div") {
    auto found = deviation(context, node.inputs[1]);
    return found && found->x == node.inputs[0] ? found : std::nullopt;
  }
  for (const std::size_t i : {0U, 1U}) {
    ValueId divisor;
    if (const Node* reciprocal = context.producer(node.inputs[i], "Reciprocal")) divisor = reciprocal->inputs[0];
    if (const Node* div = context.producer(node.inputs[i], "Div")) {
      const Tensor* one = context.constant(div->inputs[0]);
      if (one != nullptr && one_number(*one) == 1.0) divisor = div->inputs[1];
    }
    auto found = divisor.valid() ? deviation(context, divisor) : std::nullopt;
    if (found && found->x == node.inputs[1 - i]) return found;
  }
  return std::nullopt;
}

// The operand that a node of this type combines `id` with, if nothing else uses `id`, and the node's result.
struct Next {
  ValueId operand;
  ValueId result;
};
std::optional<Next> next(const RuleContext& context, ValueId id, std::string_view op_type, const Shape& shape) {
  const NodeId user = only_user(context, id);
  if (!user.valid()) return std::nullopt;
  const Node& node = context.graph.node(user);
  if (!node.domain.empty() || node.op_type != op_type || node.inputs[0] == node.inputs[1]) return std::nullopt;
  const ValueId operand = node.inputs[0] == id ? node.inputs[1] : node.inputs[0];
  const Shape* found = context.shape(operand);
  return found != nullptr && *found == shape ? std::optional(Next{operand, node.outputs[0]}) : std::nullopt;
}

std::optional<Tensor> ones(DType dtype, const Shape& shape) {
  const auto dims = known_dims(shape);
  if (!dims || dtype != DType::kFloat32 || element_count(*dims).value_or(0) > 65536) return std::nullopt;
  Tensor tensor = Tensor::zeros(dtype, *dims).value();
  std::ranges::fill(tensor.mutable_data<float>(), 1.0F);
  return tensor;
}

std::optional<Patch> normalization(const RuleContext& context, const Node& node) {
  const auto found = quotient(context, node);
  const Shape* shape = found ? context.shape(found->x) : nullptr;
  const DType dtype = context.dtype(node.outputs[0]);
  // float16 is computed in float32 by these operators, and was not before.
  if (shape == nullptr || (dtype != DType::kFloat32 && dtype != DType::kFloat64)) return std::nullopt;
  const auto axis = last_axes(found->axes, shape->size());
  if (!axis) return std::nullopt;
  const Shape last(shape->begin() + *axis, shape->end());
  ValueId x = found->x;
  bool centred = false;
  if (const Node* sub = context.producer(x, "Sub")) {
    const Node* mean = context.producer(sub->inputs[1], "ReduceMean");
    const auto axes = kept_axes(context, mean);
    if (axes == found->axes && mean->inputs[0] == sub->inputs[0]) {
      x = sub->inputs[0];
      centred = true;
    }
  }
  if (dtype == DType::kFloat64) return std::nullopt;  // they compute in float32
  Patch patch;
  ValueId result = node.outputs[0];
  Patch::Ref scale = Patch::Ref::none();
  if (const auto scaled = next(context, result, "Mul", last)) {
    scale = scaled->operand;
    result = scaled->result;
  } else if (const auto one = ones(dtype, last)) {
    scale = patch.constant("scale", *one);
  } else {
    return std::nullopt;
  }
  std::vector<Patch::Ref> inputs{x, scale};
  if (centred) {
    if (const auto shifted = next(context, result, "Add", last)) {
      inputs.emplace_back(shifted->operand);
      result = shifted->result;
    }
  }
  const Attributes attributes = {{"axis", *axis - static_cast<std::int64_t>(shape->size())},
                                 {"epsilon", found->epsilon}};
  patch.replace(result, patch.node(centred ? "LayerNormalization" : "RMSNormalization", std::move(inputs), attributes));
  return patch;
}

std::optional<Patch> softmax(const RuleContext& context, const Node& node) {
  const Node* exp = context.producer(node.inputs[0], "Exp");
  const Node* sum = context.producer(node.inputs[1], "ReduceSum");
  const auto axes = kept_axes(context, sum);
  if (node.op_type != "Div" || exp == nullptr || !axes || axes->size() != 1 || sum->inputs[0] != node.inputs[0])
    return std::nullopt;
  const Node* sub = context.producer(exp->inputs[0], "Sub");
  const Node* max = sub != nullptr ? context.producer(sub->inputs[1], "ReduceMax") : nullptr;
  if (max == nullptr || kept_axes(context, max) != axes || max->inputs[0] != sub->inputs[0]) return std::nullopt;
  Patch patch;
  patch.replace(node.outputs[0], patch.node("Softmax", {sub->inputs[0]}, {{"axis", (*axes)[0]}}));
  return patch;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  if (auto patch = normalization(context, node)) return patch;
  return softmax(context, node);
}

}  // namespace

const Rule kRaiseNorms = {
    .name = "raise-norms",
    .law = "(x - mean(x)) / sqrt(variance(x) + e) * s + b => layer_normalization(x, s, b); also RMS norms and softmax",
    .why = "The formula is the definition of a standard operator, which passes over its input fewer times.",
    .kind = RuleKind::kCheaperNode,
    .exact = false,
    .cost_decides = true,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
