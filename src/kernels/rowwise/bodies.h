// Arguments and per-ISA tables of the kernels that combine the elements of a row, or of a column.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

// y = exp(x - max) / sum over each row, or over each column; its logarithm where `log`.
struct SoftmaxArgs {
  const float* x;
  int64_t x_stride;
  float* y;  // may be x
  int64_t y_stride;
  int64_t rows, columns;
  bool log;
};

// y = (x - mean) / sqrt(variance + epsilon) * scale + shift over each row (layer normalisation, population variance);
// without `center`, y = x / sqrt(mean of squares + epsilon) * scale + shift (RMS normalisation).
struct NormalizeArgs {
  const float* x;
  int64_t x_stride;
  float* y;  // may be x
  int64_t y_stride;
  int64_t rows, columns;
  const float* scale;  // [columns] or null for 1
  const float* shift;  // [columns] or null for 0
  float epsilon;
  bool center;
};

// Local response normalisation across channels (the columns): y[c] = x[c] / (bias + alpha / size * s)^beta, s the sum
// of squares over channels c - floor((size - 1) / 2) to c + ceil((size - 1) / 2) that exist.
struct LrnArgs {
  const float* x;
  int64_t x_stride;
  float* y;  // may be x
  int64_t y_stride;
  int64_t rows, columns;
  int64_t size;
  float alpha, beta, bias;
  float* scratch;  // lrn_scratch_floats(columns, size)
};

enum class ReduceKind {
#define CYCLOID_REDUCE(kind, name, join, map, finish, reference) kind,
#include "kernels/rowwise/manifest.inc"
#undef CYCLOID_REDUCE
};

// Rows: y[r] = reduction of x[r * x_stride + j] over columns j.
// Columns: y[j] = reduction of x[r * x_stride + j] over rows r.
struct ReduceArgs {
  const float* x;
  int64_t x_stride;
  float* y;
  int64_t rows, columns;
};

using SoftmaxFn = void (*)(const SoftmaxArgs&);
using NormalizeFn = void (*)(const NormalizeArgs&);
using LrnFn = void (*)(const LrnArgs&);
using ReduceFn = void (*)(const ReduceArgs&);

struct RowwiseBodies {
  SoftmaxFn softmax;
  SoftmaxFn softmax_columns;
  NormalizeFn normalize;
  LrnFn lrn;
  const ReduceFn* reduce_columns;  // by ReduceKind
  const ReduceFn* reduce_rows;
};

extern const RowwiseBodies rowwise_bodies_scalar;
extern const RowwiseBodies rowwise_bodies_avx2;
extern const RowwiseBodies rowwise_bodies_avx512;

}  // namespace cycloid::kernels
