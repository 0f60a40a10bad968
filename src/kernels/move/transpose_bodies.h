// Arguments and per-ISA bodies of the transposition.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

// out[r * out_stride + c] = in[c * in_stride + r] for `rows` values of r and `columns` of c; out must not overlap in.
struct TransposeArgs {
  const float* in;
  int64_t in_stride;
  float* out;
  int64_t out_stride;
  int64_t rows, columns;
};

using TransposeFn = void (*)(const TransposeArgs&);

void transpose_scalar(const TransposeArgs& t);
void transpose_avx2(const TransposeArgs& t);
void transpose_avx512(const TransposeArgs& t);

}  // namespace cycloid::kernels
