// (x * a) * b => x * (a * b) for constants on one side of 1, so that neither order overflows where the other does not
#include <algorithm>
#include <cmath>

#include "ops/broadcast.h"
#include "ops/infer.h"
#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Mul"};

// The constant operand of a Mul, and which input it is.
std::optional<std::size_t> constant_operand(const RuleContext& context, const Node& mul) {
  for (const std::size_t i : {1, 0}) {
    const Tensor* tensor = context.constant(mul.inputs[i]);
    if (tensor != nullptr && (tensor->dtype() == DType::kFloat32 || tensor->dtype() == DType::kFloat64)) return i;
  }
  return std::nullopt;
}

// Whether all magnitudes are at most 1 (`small`) or at least 1.
bool on_side(const Tensor& tensor, bool small) {
  bool on = true;
  dispatch<float, double>(tensor.dtype(), [&]<class T>(T) {
    for (const T x : tensor.data<T>()) on = on && std::isfinite(x) && (small ? std::abs(x) <= 1 : std::abs(x) >= 1);
  });
  return on;
}

std::optional<Tensor> product(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype()) return std::nullopt;
  const auto dims = broadcast(a.dims(), b.dims());
  if (!dims) return std::nullopt;
  auto result = Tensor::zeros(a.dtype(), *dims);
  if (!result) return std::nullopt;
  const auto count = static_cast<std::size_t>(result->element_count());
  std::vector<std::int64_t> from_a(count), from_b(count);
  BroadcastWalk(a.dims(), *dims).next(from_a);
  BroadcastWalk(b.dims(), *dims).next(from_b);
  bool sound = true;
  dispatch<float, double>(a.dtype(), [&]<class T>(T) {
    auto to = result->mutable_data<T>();
    for (std::size_t i = 0; i < count; ++i) {
      const T x = a.data<T>()[static_cast<std::size_t>(from_a[i])];
      const T y = b.data<T>()[static_cast<std::size_t>(from_b[i])];
      to[i] = x * y;
      sound = sound && (std::isnormal(to[i]) || x == 0 || y == 0);
    }
  });
  if (!sound) return std::nullopt;
  return *std::move(result);
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& outer = context.graph.node(root);
  const auto b = constant_operand(context, outer);
  if (!b) return std::nullopt;
  const ValueId middle = outer.inputs[1 - *b];
  const Node* inner = context.producer(middle, "Mul");
  if (inner == nullptr || !context.only_used_by(middle, root)) return std::nullopt;
  const auto a = constant_operand(context, *inner);
  if (!a) return std::nullopt;
  const Tensor& first = *context.constant(inner->inputs[*a]);
  const Tensor& second = *context.constant(outer.inputs[*b]);
  const bool one_side =
      (on_side(first, true) && on_side(second, true)) || (on_side(first, false) && on_side(second, false));
  if (!one_side) return std::nullopt;
  auto scale = product(first, second);
  if (!scale || scale->element_count() > std::max(first.element_count(), second.element_count())) return std::nullopt;
  Patch patch;
  const auto constant = patch.constant(context.value(outer.inputs[*b]).name, *std::move(scale));
  patch.replace(outer.outputs[0], patch.node("Mul", {inner->inputs[1 - *a], constant}));
  return patch;
}

}  // namespace

const Rule kComposeScales = {
    .name = "compose-scales",
    .law = "(x * a) * b => x * (a * b) for constants a and b, both at most 1 or both at least 1",
    .why = "Multiplication is associative up to rounding, and the product of the constants can be known now.",
    .kind = RuleKind::kFewerNodes,
    .exact = false,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
