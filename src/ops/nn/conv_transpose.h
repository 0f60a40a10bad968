// ConvTranspose: the gradient of a convolution with respect to its input.
#pragma once

#include "ops/nn/window.h"
#include "ops/op.h"

namespace cycloid {

struct ConvTransposeAttributes {
  WindowAttributes window;
  std::int64_t group = 1;  // >= 1
  Dims output_padding;     // >= 0, one an axis; may be empty
  Dims output_shape;       // spatial sizes asked for; may be empty

  static Result<ConvTransposeAttributes> parse(const Node& node);

  // X (N, C, spatial...), W (C, M / group, kernel...) -> Y (N, M, spatial...).
  Result<Shape> output_shape_of(const Shape& x, const Shape& w) const;
  // For concrete sizes: `output` are the output's spatial sizes, and the pads those that the attributes come down to
  // (negative where the output is larger than what the input reaches).
  Result<Window> resolve(const Dims& x, const Dims& w) const;
};

extern const Op kConvTranspose;

}  // namespace cycloid
