#include "rewrite/product.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "rewrite/match.h"

namespace cycloid {
namespace {

constexpr std::size_t kMostLeaves = 16;

std::optional<double> number_of(const RuleContext& context, ValueId id) {
  const Tensor* tensor = context.constant(id);
  return tensor != nullptr && tensor->element_count() == 1 ? one_number(*tensor) : std::nullopt;
}

void take_apart(const RuleContext& context, ValueId id, const std::vector<ValueId>& whole, Product& product) {
  if (const auto number = number_of(context, id)) {
    product.factor *= *number;
    return;
  }
  const bool keep = std::ranges::find(whole, id) != whole.end() || product.leaves.size() > kMostLeaves;
  const Node* mul = keep ? nullptr : context.producer(id, "Mul");
  const Node* div = keep ? nullptr : context.producer(id, "Div");
  if (mul != nullptr) {
    for (const ValueId input : mul->inputs) take_apart(context, input, whole, product);
  } else if (const auto by = div != nullptr ? number_of(context, div->inputs[1]) : std::nullopt; by && *by != 0) {
    product.factor /= *by;
    take_apart(context, div->inputs[0], whole, product);
  } else {
    product.leaves.push_back(id);
  }
}

}  // namespace

Product product_of(const RuleContext& context, ValueId id, const std::vector<ValueId>& whole) {
  Product product;
  take_apart(context, id, whole, product);
  return product;
}

ValueId other_than_number(const RuleContext& context, const Node& node, double number) {
  if (node.inputs.size() != 2) return {};
  for (const std::size_t i : {0U, 1U}) {
    const auto found = number_of(context, node.inputs[i]);
    if (found && about(*found, number, context.dtype(node.inputs[i]))) return node.inputs[1 - i];
  }
  return {};
}

bool about(double number, double expected, DType dtype) {
  const double tolerance = dtype == DType::kFloat64 ? 8 * std::numeric_limits<double>::epsilon() : 2e-6;
  return std::abs(number - expected) <= tolerance * std::abs(expected);
}

}  // namespace cycloid
