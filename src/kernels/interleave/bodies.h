// The per-ISA bodies of interleave.h.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

// out[r][2 i] = a[r][i], out[r][2 i + 1] = b[r][i] for i < columns; strides in floats from row to row.
struct InterleaveArgs {
  const float* a;
  int64_t a_stride;
  const float* b;
  int64_t b_stride;
  float* out;  // must not overlap a or b
  int64_t out_stride;
  int64_t rows, columns;
};
using InterleaveFn = void (*)(const InterleaveArgs&);

// The way back: a[r][i] = in[r][2 i], b[r][i] = in[r][2 i + 1].
struct SeparateArgs {
  const float* in;
  int64_t in_stride;
  float* a;  // must not overlap in or b
  int64_t a_stride;
  float* b;
  int64_t b_stride;
  int64_t rows, columns;  // of a and b
};
using SeparateFn = void (*)(const SeparateArgs&);

extern const InterleaveFn interleave_scalar;
extern const InterleaveFn interleave_avx2;
extern const InterleaveFn interleave_avx512;
extern const SeparateFn separate_scalar;
extern const SeparateFn separate_avx2;
extern const SeparateFn separate_avx512;

}  // namespace cycloid::kernels
