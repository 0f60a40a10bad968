// The per-ISA bodies of resample.h.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

// out[c] = sum over t < taps of weights[t] * pixels[t][c], in the order of the taps; or the largest of these products, where
// NaN counts only as the first of them.
struct BlendArgs {
  const float* const* pixels;
  const float* weights;
  int64_t taps;  // at least 1
  int64_t channels;
  float* out;
};
using BlendFn = void (*)(const BlendArgs&);

// y: each element of the `rows` rows of `columns` of x (row-major) repeated row_factor times one below the other and
// column_factor times side by side.
struct RepeatArgs {
  const void* x;
  void* y;
  int64_t rows, columns;
  int64_t row_factor, column_factor;
};
using RepeatFn = void (*)(const RepeatArgs&);

struct ResampleBodies {
  BlendFn blend, largest;
  RepeatFn repeat[4];  // by log2 of the element's bytes
};

extern const ResampleBodies resample_bodies_scalar;
extern const ResampleBodies resample_bodies_avx2;
extern const ResampleBodies resample_bodies_avx512;

}  // namespace cycloid::kernels
