// 0.5 x (1 + erf(x / sqrt 2)) => gelu(x)                           0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) => gelu(x, tanh)
// x sigmoid(a x) => swish(x, a)       x tanh(softplus(x)) => mish(x)       x clip(x + 3, 0, 6) / 6 => hard_swish(x)
//
// However the factors are ordered and the numbers are spread over Mul and Div. What an older operator set lacks is taken
// apart again on export.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "rewrite/match.h"
#include "rewrite/product.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Div", "Mul"};

struct Raised {
  ValueId x;
  std::string op_type;
  Attributes attributes = {};
};

// id == factor * x.
bool is_multiple(const RuleContext& context, ValueId id, ValueId x, double factor) {
  const Product product = product_of(context, id, {x});
  return product.leaves == std::vector{x} && about(product.factor, factor, context.dtype(id));
}

// id == factor * x^power.
bool is_power(const RuleContext& context, ValueId id, ValueId x, int power, double factor) {
  const Product product = product_of(context, id, {x});
  if (!about(product.factor, factor, context.dtype(id))) return false;
  int found = 0;
  for (const ValueId leaf : product.leaves) {
    if (leaf == x) {
      ++found;
      continue;
    }
    const Node* pow = context.producer(leaf, "Pow");
    const Tensor* exponent = pow != nullptr && pow->inputs[0] == x ? context.constant(pow->inputs[1]) : nullptr;
    const auto number = exponent != nullptr ? one_number(*exponent) : std::nullopt;
    if (!number || *number != std::round(*number) || std::abs(*number) > 4) return false;
    found += static_cast<int>(*number);
  }
  return found == power;
}

// u == sqrt(2/pi) (x + 0.044715 x^3), or with x as a factor; gives x.
ValueId argument_of_tanh(const RuleContext& context, ValueId u) {
  const double root = std::sqrt(2 / std::numbers::pi);
  const Product product = product_of(context, u);
  for (const ValueId leaf : product.leaves) {
    const Node* add = context.producer(leaf, "Add");
    if (add == nullptr) continue;
    for (const std::size_t i : {0U, 1U}) {
      const ValueId x = add->inputs[i];
      const Product with_whole = product_of(context, u, {leaf});
      const bool alone = with_whole.leaves == std::vector{leaf} && about(with_whole.factor, root, context.dtype(u));
      if (alone && is_power(context, add->inputs[1 - i], x, 3, 0.044715)) return x;
    }
    const ValueId square = other_than_number(context, *add, 1);
    if (!square.valid()) continue;
    for (const ValueId x : product.leaves) {
      const Product whole = product_of(context, u, {x, leaf});
      if (x != leaf && whole.is(x, leaf) && about(whole.factor, root, context.dtype(u)) &&
          is_power(context, square, x, 2, 0.044715))
        return x;
    }
  }
  return {};
}

// 1 + erf(x / sqrt 2) or 1 + tanh(...).
std::optional<Raised> gelu(const RuleContext& context, ValueId leaf) {
  const Node* add = context.producer(leaf, "Add");
  const ValueId inner = add != nullptr ? other_than_number(context, *add, 1) : ValueId{};
  if (const Node* erf = context.producer(inner, "Erf")) {
    const ValueId scaled = erf->inputs[0];
    const Node* scale = context.graph.producer(scaled);
    if (scale == nullptr) return std::nullopt;
    for (const ValueId x : scale->inputs) {
      if (x.valid() && context.constant(x) == nullptr && is_multiple(context, scaled, x, 1 / std::numbers::sqrt2))
        return Raised{x, "Gelu"};
    }
  }
  if (const Node* tanh = context.producer(inner, "Tanh")) {
    const ValueId x = argument_of_tanh(context, tanh->inputs[0]);
    if (x.valid()) return Raised{x, "Gelu", {{"approximate", std::string("tanh")}}};
  }
  return std::nullopt;
}

std::optional<Raised> swish(const RuleContext& context, ValueId leaf, const std::vector<ValueId>& leaves) {
  const Node* sigmoid = context.producer(leaf, "Sigmoid");
  if (sigmoid == nullptr) return std::nullopt;
  const ValueId argument = sigmoid->inputs[0];
  if (std::ranges::find(leaves, argument) != leaves.end()) return Raised{argument, "Swish"};
  for (const ValueId x : leaves) {
    const Product product = product_of(context, argument, {x});
    const auto alpha = static_cast<float>(product.factor);  // as the attribute has it
    if (x != leaf && product.leaves == std::vector{x} && std::isfinite(alpha) &&
        about(alpha, product.factor, context.dtype(argument)))
      return Raised{x, "Swish", {{"alpha", alpha}}};
  }
  return std::nullopt;
}

std::optional<Raised> mish(const RuleContext& context, ValueId leaf) {
  const Node* tanh = context.producer(leaf, "Tanh");
  const Node* softplus = tanh != nullptr ? context.producer(tanh->inputs[0], "Softplus") : nullptr;
  return softplus != nullptr ? std::optional(Raised{softplus->inputs[0], "Mish"}) : std::nullopt;
}

bool is_number(const RuleContext& context, const Node& node, std::size_t input, double number) {
  const Tensor* tensor = has_input(node, input) ? context.constant(node.inputs[input]) : nullptr;
  const auto found = tensor != nullptr ? one_number(*tensor) : std::nullopt;
  return found && *found == number;
}

// hard_sigmoid(x), or clip(x + 3, 0, 6) of which the product takes a sixth.
std::optional<std::pair<Raised, double>> hard_swish(const RuleContext& context, ValueId leaf) {
  if (const Node* sigmoid = context.producer(leaf, "HardSigmoid")) {
    const auto alpha = get_float(*sigmoid, "alpha", 0.2F);
    const auto beta = get_float(*sigmoid, "beta", 0.5F);
    if (!alpha || !beta || !about(*alpha, 1.0 / 6, context.dtype(leaf)) || *beta != 0.5F) return std::nullopt;
    return std::pair(Raised{sigmoid->inputs[0], "HardSwish"}, 1.0);
  }
  const Node* clip = context.producer(leaf, "Clip");
  if (clip == nullptr || !is_number(context, *clip, 1, 0) || !is_number(context, *clip, 2, 6)) return std::nullopt;
  const Node* add = context.producer(clip->inputs[0], "Add");
  const ValueId x = add != nullptr ? other_than_number(context, *add, 3) : ValueId{};
  return x.valid() ? std::optional(std::pair(Raised{x, "HardSwish"}, 1.0 / 6)) : std::nullopt;
}

// factor * x * leaf is an activation of x.
std::optional<std::pair<Raised, double>> activation(const RuleContext& context, ValueId leaf,
                                                    const std::vector<ValueId>& leaves) {
  if (auto raised = gelu(context, leaf)) return std::pair(*std::move(raised), 0.5);
  if (auto raised = swish(context, leaf, leaves)) return std::pair(*std::move(raised), 1.0);
  if (auto raised = mish(context, leaf)) return std::pair(*std::move(raised), 1.0);
  return hard_swish(context, leaf);
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  const ValueId result = node.outputs[0];
  if (!is_floating_point(context.dtype(result))) return std::nullopt;
  for (const ValueId leaf : product_of(context, result).leaves) {
    if (!only_user(context, leaf).valid()) continue;  // the function would be computed twice
    // x may be a product itself: it is found from inside, and then kept whole.
    const auto found = activation(context, leaf, {node.inputs.begin(), node.inputs.end()});
    if (!found || !same_shape(context.shape(found->first.x), context.shape(result))) continue;
    const auto& [raised, factor] = *found;
    const Product product = product_of(context, result, {raised.x, leaf});
    if (!product.is(raised.x, leaf) || !about(product.factor, factor, context.dtype(result))) continue;
    Patch patch;
    patch.replace(result, patch.node(raised.op_type, {raised.x}, raised.attributes));
    return patch;
  }
  return std::nullopt;
}

}  // namespace

const Rule kRaiseActivations = {
    .name = "raise-activations",
    .law = "x * sigmoid(x) => swish(x); 0.5 x (1 + erf(x / sqrt 2)) => gelu(x); also gelu by tanh, mish, hard_swish",
    .why = "The product is the definition of a standard operator, which reads its input once.",
    .kind = RuleKind::kCheaperNode,
    .exact = false,
    .cost_decides = true,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
