// f(f(x)) => f(x) for Abs, Ceil, Floor, Relu, Round, Sign;  f(f(x)) => x for Neg, Not, BitwiseNot;  clips composed
#include <algorithm>
#include <cmath>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kIdempotent[] = {"Abs", "Ceil", "Floor", "Relu", "Round", "Sign"};
constexpr std::string_view kInvolutions[] = {"BitwiseNot", "Neg", "Not"};
constexpr std::string_view kRoots[] = {"Abs", "BitwiseNot", "Ceil", "Clip",  "Floor",
                                       "Neg", "Not",        "Relu", "Round", "Sign"};

// Bounds of Clip, and of Relu as a Clip: nullopt where one is not a constant number.
struct Bounds {
  std::optional<double> low;
  std::optional<double> high;
};
std::optional<Bounds> bounds_of(const RuleContext& context, const Node& node) {
  if (node.op_type == "Relu") return Bounds{0, std::nullopt};
  Bounds bounds;
  for (const std::size_t i : {1, 2}) {
    if (!has_input(node, i)) continue;
    const Tensor* tensor = context.constant(node.inputs[i]);
    const auto number = tensor != nullptr ? one_number(*tensor) : std::nullopt;
    if (!number || std::isnan(*number)) return std::nullopt;
    (i == 1 ? bounds.low : bounds.high) = number;
  }
  return bounds;
}

// clip(clip(x, a, b), c, d) => clip(x, max(a, c), min(b, d)), which needs a range that is not empty.
std::optional<Patch> compose_clips(const RuleContext& context, const Node& outer, const Node& inner) {
  const DType dtype = context.dtype(outer.outputs[0]);
  if (dtype != DType::kFloat32 && dtype != DType::kFloat64) return std::nullopt;
  const auto a = bounds_of(context, inner);
  const auto b = bounds_of(context, outer);
  if (!a || !b) return std::nullopt;
  const auto tightest = [](std::optional<double> x, std::optional<double> y, bool highest) {
    if (!x || !y) return x ? x : y;
    return std::optional(highest ? std::max(*x, *y) : std::min(*x, *y));
  };
  const auto low = tightest(a->low, b->low, true);
  const auto high = tightest(a->high, b->high, false);
  if (low && high && *low > *high) return std::nullopt;
  Patch patch;
  const auto bound = [&](std::optional<double> number, const char* name) {
    if (!number) return Patch::Ref::none();
    const bool is_float = dtype == DType::kFloat32;
    return patch.constant(name, is_float ? Tensor::scalar(static_cast<float>(*number)) : Tensor::scalar(*number));
  };
  if (low && *low == 0 && !high) {
    patch.replace(outer.outputs[0], patch.node("Relu", {inner.inputs[0]}));
    return patch;
  }
  std::vector<Patch::Ref> inputs = {inner.inputs[0], bound(low, "min")};
  if (high) inputs.push_back(bound(high, "max"));
  patch.replace(outer.outputs[0], patch.node("Clip", std::move(inputs)));
  return patch;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& outer = context.graph.node(root);
  const Node* inner = context.graph.producer(outer.inputs[0]);
  if (inner == nullptr || !inner->domain.empty()) return std::nullopt;
  Patch patch;
  if (inner->op_type == outer.op_type && is_one_of(outer, kIdempotent)) {
    patch.replace(outer.outputs[0], outer.inputs[0]);
    return patch;
  }
  if (inner->op_type == outer.op_type && is_one_of(outer, kInvolutions)) {
    patch.replace(outer.outputs[0], inner->inputs[0]);
    return patch;
  }
  const auto clips = [](const Node& node) { return node.op_type == "Clip" || node.op_type == "Relu"; };
  if (clips(outer) && clips(*inner)) return compose_clips(context, outer, *inner);
  return std::nullopt;
}

}  // namespace

const Rule kDropRepeated = {
    .name = "drop-repeated",
    .law = "f(f(x)) => f(x) for Abs, Ceil, Floor, Relu, Round, Sign; => x for Neg, Not; clip(clip(x)) => clip(x)",
    .why = "The operator finds nothing left to do the second time, undoes the first, or narrows one range twice.",
    .kind = RuleKind::kFewerNodes,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
