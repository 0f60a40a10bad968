// Body of dot_bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/gemm/dot_bodies.h"
#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

inline float activate_one(float x, const Activation& a, const float* slope, int64_t j) {
  if (a.kind == ActivationKind::kClip) {  // NaN stays
    x = x < a.lo ? a.lo : x;
    x = x > a.hi ? a.hi : x;
  } else if (a.kind == ActivationKind::kHardSwish) {
    const float gate = x * (1.0f / 6.0f) + 0.5f;
    x *= gate < 0 ? 0.0f : gate > 1 ? 1.0f : gate;
  } else if (x < 0) {
    x *= a.kind == ActivationKind::kPRelu ? slope[j] : a.alpha;
  }
  return a.scaled ? a.scale * x + a.shift : x;
}

CYCLOID_INLINE void finish_dot(const DotArgs& t, int64_t i, int64_t j, float sum) {
  float x = t.alpha * sum;
  if (t.bias != nullptr) x += t.bias[j];
  const float residual = t.residual == nullptr ? 0.0f : t.residual[i * t.residual_stride + j];
  if (t.residual != nullptr && !t.residual_last) x += residual;
  if (t.activation != nullptr) x = activate_one(x, *t.activation, t.slope, j);
  if (t.residual != nullptr && t.residual_last) x += residual;
  t.c[i * t.c_stride + j] = x;
}

// kRows x kColumns sums side by side: as many as hide the latency of a multiply-add (4 cycles, two a cycle).
template <int kRows, int kColumns>
CYCLOID_INLINE void dot_tile(const DotArgs& t, int64_t i, int64_t j) {
  const float* a = t.a + i * t.a_stride;
  const float* b = t.b + j * t.b_stride;
  Vec sums[kRows][kColumns];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) sums[r][c] = zero();
  }
  for_each_vector(t.k, [&]<bool kFull>(int64_t k, Mask mask) {
    Vec left[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) left[r] = load_part<kFull>(a + r * t.a_stride + k, mask);
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) {
      const Vec right = load_part<kFull>(b + c * t.b_stride + k, mask);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sums[r][c] = fma(left[r], right, sums[r][c]);
    }
  });
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) finish_dot(t, i + r, j + c, reduce_add(sums[r][c]));
  }
}

template <int kRows, int kColumns>
void dot_rows(const DotArgs& t, int64_t i) {
  int64_t j = 0;
  for (; j + kColumns <= t.n; j += kColumns) dot_tile<kRows, kColumns>(t, i, j);
  for (; j < t.n; ++j) dot_tile<kRows, 1>(t, i, j);
}

[[maybe_unused]] void dot(const DotArgs& t) {
  for (int64_t i = 0; i < t.m; i += 4) {
    switch (min_of(4, t.m - i)) {
      case 1: dot_rows<1, 8>(t, i); break;
      case 2: dot_rows<2, 4>(t, i); break;
      case 3: dot_rows<3, 3>(t, i); break;
      default: dot_rows<4, 2>(t, i);
    }
  }
}

}  // namespace
}  // namespace cycloid::kernels
