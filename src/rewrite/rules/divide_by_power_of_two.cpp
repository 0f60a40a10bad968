// x / c => x * (1 / c) for powers of two c, whose reciprocals are exact
#include <algorithm>
#include <cmath>

#include "rewrite/match.h"
#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"Div"};
constexpr std::int64_t kMostElements = 1 << 16;

// 1 / c for each element; nullopt where one of them is no power of two, or its reciprocal would be subnormal (a
// runtime may flush it to 0) or infinite.
template <class T>
std::optional<Tensor> reciprocals(const Tensor& divisors) {
  Tensor result = divisors;
  for (T& element : result.mutable_data<T>()) {
    int exponent = 0;
    if (!std::isnormal(element) || std::abs(std::frexp(element, &exponent)) != T(0.5)) return std::nullopt;
    element = T(1) / element;
    if (!std::isnormal(element)) return std::nullopt;
  }
  return result;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Node& node = context.graph.node(root);
  const Tensor* divisors = context.constant(node.inputs[1]);
  if (divisors == nullptr || divisors->element_count() == 0 || divisors->element_count() > kMostElements)
    return std::nullopt;
  std::optional<Tensor> factors;
  if (divisors->dtype() == DType::kFloat32) factors = reciprocals<float>(*divisors);
  if (divisors->dtype() == DType::kFloat64) factors = reciprocals<double>(*divisors);
  if (!factors) return std::nullopt;
  Patch patch;
  patch.replace(node.outputs[0], patch.node("Mul", {node.inputs[0], patch.constant("factor", *factors)}));
  return patch;
}

}  // namespace

const Rule kDivideByPowerOfTwo = {
    .name = "divide-by-power-of-two",
    .law = "x / 2^k => x * 2^-k",
    .why = "The reciprocal of a power of two is exact, and a multiplication is cheaper than a division.",
    .kind = RuleKind::kCheaperNode,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
