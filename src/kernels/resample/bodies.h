// The per-ISA bodies of resample.h.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

// out[c] = sum over t < taps of weights[t] * pixels[t][c], in the order of the taps.
struct BlendArgs {
  const float* const* pixels;
  const float* weights;
  int64_t taps;  // at least 1
  int64_t channels;
  float* out;
};
using BlendFn = void (*)(const BlendArgs&);

extern const BlendFn blend_scalar;
extern const BlendFn blend_avx2;
extern const BlendFn blend_avx512;

}  // namespace cycloid::kernels
