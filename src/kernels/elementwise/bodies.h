// Arguments and per-ISA tables of the element-wise kernels.
#pragma once

#include <stdint.h>

#include "kernels/activation.h"

namespace cycloid::kernels {

enum class UnaryKind {
#define CYCLOID_UNARY(kind, name, body, reference, lo, hi) kind,
#define CYCLOID_BINARY(kind, name, body, reference)
#include "kernels/elementwise/manifest.inc"
#undef CYCLOID_UNARY
#undef CYCLOID_BINARY
};

enum class BinaryKind {
#define CYCLOID_UNARY(kind, name, body, reference, lo, hi)
#define CYCLOID_BINARY(kind, name, body, reference) kind,
#include "kernels/elementwise/manifest.inc"
#undef CYCLOID_UNARY
#undef CYCLOID_BINARY
};

struct UnaryArgs {
  const float* x;
  int64_t x_stride;  // floats from row to row
  float* y;
  int64_t y_stride;
  int64_t rows, columns;
  Activation activation;  // for activation_kernel(); PRelu's slope is that of the first column passed
};

// y[r][j] = op(a[r * a_stride + j * a_step], b[...]). A step is 1, or 0 to repeat one value along the row; a stride of
// 0 repeats the row: scalar is (0, 0), one value per column (0, 1), one per row (1, 0) with stride 1.
struct BinaryArgs {
  const float* a;
  int64_t a_stride, a_step;
  const float* b;
  int64_t b_stride, b_step;
  float* y;
  int64_t y_stride;
  int64_t rows, columns;
  bool clip;  // then min(hi, max(lo, y))
  float lo, hi;
  bool stream = false;  // past the caches: for results that do not stay in them until they are read
};

// y[r][j] = activation(x[r][j] * scale[j] + shift[j]): batch normalisation and the like. With `by_row` scale and shift are of
// row r instead of column j.
struct AffineArgs {
  const float* x;
  int64_t x_stride;
  const float* scale;
  const float* shift;
  float* y;
  int64_t y_stride;
  int64_t rows, columns;
  bool clip;
  float lo, hi;
  bool by_row = false;
};

using UnaryFn = void (*)(const UnaryArgs&);
using BinaryFn = void (*)(const BinaryArgs&);
using AffineFn = void (*)(const AffineArgs&);

struct ElementwiseBodies {
  const UnaryFn* unary;       // by UnaryKind
  const UnaryFn* activation;  // by ActivationKind
  const BinaryFn* binary;     // by BinaryKind
  AffineFn affine;
};

extern const ElementwiseBodies elementwise_bodies_scalar;
extern const ElementwiseBodies elementwise_bodies_avx2;
extern const ElementwiseBodies elementwise_bodies_avx512;

}  // namespace cycloid::kernels
