// Gemm: Y = alpha * A' * B' + beta * C, where ' transposes on request.
#pragma once

#include "ops/op.h"

namespace cycloid {

struct GemmAttributes {
  float alpha = 1;
  float beta = 1;
  bool trans_a = false;
  bool trans_b = false;

  static Result<GemmAttributes> parse(const Node& node);
  // Y's shape (M, N) from A's and B's; an error where their ranks or depths do not fit.
  Result<Shape> output_shape(const Shape& a, const Shape& b) const;
};

extern const Op kGemm;

}  // namespace cycloid
