// The matrices of MatMul and its relatives.
#pragma once

#include "plan/lowering/lowering.h"

namespace cycloid {

// Of A (..., m, k) times B (..., k, n), one-dimensional operands as MatMul takes them. Matrix i of the batch begins at
// i * step elements, or where the table says.
struct ProductShape {
  std::int64_t batch = 1, m = 1, n = 1, k = 1;
  std::int64_t a_step = 0, b_step = 0;
  const std::int64_t* a_offsets = nullptr;
  const std::int64_t* b_offsets = nullptr;

  bool one_b() const { return (batch == 1 || b_step == 0) && b_offsets == nullptr; }
};

// A reason where that cannot be. Tables live in the plan.
Declined find_product_shape(Lowering& lowering, ValueId a, ValueId b, ValueId y, ProductShape& shape);

// A vector of n elements, or one element, whatever ones its dims are dressed with.
bool is_row(const Dims& dims, std::int64_t n);

}  // namespace cycloid
