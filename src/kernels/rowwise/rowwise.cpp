#include "kernels/rowwise/rowwise.h"

#include <algorithm>
#include <cmath>

#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

const RowwiseBodies& bodies(Isa isa) { return CYCLOID_ISA_TABLE(isa, rowwise_bodies); }

}  // namespace

SoftmaxFn softmax_kernel(Isa isa) { return bodies(isa).softmax; }
SoftmaxFn softmax_columns_kernel(Isa isa) { return bodies(isa).softmax_columns; }
NormalizeFn normalize_kernel(Isa isa) { return bodies(isa).normalize; }
LrnFn lrn_kernel(Isa isa) { return bodies(isa).lrn; }
ReduceFn reduce_rows_kernel(ReduceKind kind, Isa isa) { return bodies(isa).reduce_rows[static_cast<int>(kind)]; }
ReduceFn reduce_columns_kernel(ReduceKind kind, Isa isa) { return bodies(isa).reduce_columns[static_cast<int>(kind)]; }

std::span<const ReduceKernel> reduce_kernels() {
  static constexpr ReduceKernel kKernels[] = {
#define CYCLOID_REDUCE(kind, name, join, map, finish, reference) \
  {"rowwise." name, ReduceKind::kind, [](double s, double x) -> double { return reference; }},
#include "kernels/rowwise/manifest.inc"
#undef CYCLOID_REDUCE
  };
  return kKernels;
}

}  // namespace cycloid::kernels
