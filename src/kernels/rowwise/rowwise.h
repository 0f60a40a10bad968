// Softmax, layer normalisation, local response normalisation and reductions of float32 rows.
//
// A kernel is a function pointer, chosen once at plan time; it computes the rows (or, for reduce_columns, the columns)
// it is given, so work is split by passing parts.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/cpu.h"
#include "kernels/rowwise/bodies.h"

namespace cycloid::kernels {

SoftmaxFn softmax_kernel(Isa isa);
SoftmaxFn softmax_columns_kernel(Isa isa);
NormalizeFn normalize_kernel(Isa isa);
LrnFn lrn_kernel(Isa isa);
ReduceFn reduce_rows_kernel(ReduceKind kind, Isa isa);
ReduceFn reduce_columns_kernel(ReduceKind kind, Isa isa);

// Floats that LrnArgs::scratch needs.
constexpr int64_t lrn_scratch_floats(int64_t columns, int64_t size) { return columns + size; }

struct ReduceKernel {
  std::string_view name;  // "rowwise.sum"
  ReduceKind kind;
  double (*reference)(double s, double x);
};

// The lines of manifest.inc, indexed by kind.
std::span<const ReduceKernel> reduce_kernels();

}  // namespace cycloid::kernels
