// Arguments and per-ISA tables of the transposition.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

// out[r * out_stride + c] = in[c * in_stride + r] for `rows` values of r and `columns` of c, in each of `blocks` blocks that are
// in_block and out_block elements from the one before; out must not overlap in.
struct TransposeArgs {
  const void* in;
  int64_t in_stride;  // in elements, as all sizes here
  void* out;
  int64_t out_stride;
  int64_t rows, columns;
  int64_t blocks = 1, in_block = 0, out_block = 0;
};

using TransposeFn = void (*)(const TransposeArgs&);

inline constexpr int kTransposeSizes = 4;  // of elements: log2 of their bytes is 0 to 3

struct TransposeBodies {
  TransposeFn by_log2[kTransposeSizes];
};

extern const TransposeBodies transpose_bodies_scalar;
extern const TransposeBodies transpose_bodies_avx2;
extern const TransposeBodies transpose_bodies_avx512;

}  // namespace cycloid::kernels
