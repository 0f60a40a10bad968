// Per-ISA bodies of half.h.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

using WidenFn = void (*)(const uint16_t* x, float* y, int64_t count);
using NarrowFn = void (*)(const float* x, uint16_t* y, int64_t count);

struct HalfBodies {
  WidenFn widen_float16, widen_bfloat16;
  NarrowFn narrow_float16, narrow_bfloat16;
};

extern const HalfBodies half_bodies_scalar;
extern const HalfBodies half_bodies_avx2;
extern const HalfBodies half_bodies_avx512;

}  // namespace cycloid::kernels
