// MatMul: numpy.matmul.
#pragma once

#include "ops/op.h"

namespace cycloid {

// The output shape of numpy.matmul for operands of rank 1 or more; an error where they do not fit.
Result<Shape> matmul_shape(const Shape& a, const Shape& b);

// Where the matrices of a concrete product lie: for each of `batches` products, the first elements of A's and B's matrix.
struct MatMulPlan {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  std::vector<std::int64_t> a_offsets;
  std::vector<std::int64_t> b_offsets;
  Dims dims;  // of the output

  static Result<MatMulPlan> make(const Dims& a, const Dims& b);
};

extern const Op kMatMul;

}  // namespace cycloid
