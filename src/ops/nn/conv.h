// Conv: Y = X * W + B, the cross-correlation of a batch of images with a bank of filters.
#pragma once

#include "ops/nn/window.h"
#include "ops/op.h"

namespace cycloid {

struct ConvAttributes {
  WindowAttributes window;
  std::int64_t group = 1;  // >= 1

  static Result<ConvAttributes> parse(const Node& node);

  // X (N, C, spatial...), W (M, C / group, kernel...) -> Y (N, M, spatial...). Errors: ranks or channels that do not fit.
  Result<Shape> output_shape(const Shape& x, const Shape& w) const;
  // The same for concrete sizes, with all that the kernels need.
  Result<Window> resolve(const Dims& x, const Dims& w) const;
};

extern const Op kConv;

// Multiply-adds of a convolution with this output and these weights (M, C / group, kernel...).
Dim convolution_multiply_adds(const Shape& y, const Shape& w);

// store(n, m, position, sum of X[n] * W[m] at the output position, which counts row-major over the spatial axes). At most
// three spatial axes. `x` and `w` are called with flat element indices and give the Sum's values; padding is 0.
template <class Sum, class X, class W, class Store>
void convolve(const Dims& x_dims, const Dims& w_dims, std::int64_t group, const Window& window, const X& x, const W& w,
              const Store& store);

}  // namespace cycloid

#include "ops/nn/conv_inl.h"
