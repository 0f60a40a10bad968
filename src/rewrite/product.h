// Products and sums as exporters spell them: chains of Mul and Div with numbers in between.
#pragma once

#include <optional>
#include <vector>

#include "rewrite/rule.h"

namespace cycloid {

// factor * leaves[0] * leaves[1] * ...: what a chain of Mul, and Div by numbers, comes to.
struct Product {
  double factor = 1;
  std::vector<ValueId> leaves;

  // The leaves are `a` and `b`, in any order.
  bool is(ValueId a, ValueId b) const {
    return leaves.size() == 2 && ((leaves[0] == a && leaves[1] == b) || (leaves[0] == b && leaves[1] == a));
  }
};

// The product that makes `id`; values in `whole` are not taken apart. A float value that is no Mul or Div is a product of
// itself.
Product product_of(const RuleContext& context, ValueId id, const std::vector<ValueId>& whole = {});

// The other operand of an Add (or Mul, ...) of two operands of which one is this number; none where it is not such a node.
ValueId other_than_number(const RuleContext& context, const Node& node, double number);

// The number is `expected` as far as values of this type can tell: in float64 but for its last roundings; otherwise as a
// float32, or a decimal written with some six digits, would have it.
bool about(double number, double expected, DType dtype);

}  // namespace cycloid
