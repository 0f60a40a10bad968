// Body of transpose_bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/move/transpose_bodies.h"
#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

// Row i of v becomes column i: pairs of rows are interleaved, then pairs of pairs, then the 128-bit parts change places.
#if defined(__AVX512F__)

CYCLOID_INLINE void transpose_square(__m512 (&v)[16]) {
  __m512 t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
  }
  const auto low = [](__m512 a, __m512 b) {
    return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  };
  const auto high = [](__m512 a, __m512 b) {
    return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  };
  // v[4 * g + j]: of rows 4 * g to 4 * g + 3, the columns j, 4 + j, 8 + j and 12 + j.
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    v[i] = low(t[i], t[i + 2]);
    v[i + 1] = high(t[i], t[i + 2]);
    v[i + 2] = low(t[i + 1], t[i + 3]);
    v[i + 3] = high(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512 even_a = _mm512_shuffle_f32x4(v[j], v[4 + j], 0x88),
                 odd_a = _mm512_shuffle_f32x4(v[j], v[4 + j], 0xdd);
    const __m512 even_b = _mm512_shuffle_f32x4(v[8 + j], v[12 + j], 0x88),
                 odd_b = _mm512_shuffle_f32x4(v[8 + j], v[12 + j], 0xdd);
    t[j] = _mm512_shuffle_f32x4(even_a, even_b, 0x88);
    t[8 + j] = _mm512_shuffle_f32x4(even_a, even_b, 0xdd);
    t[4 + j] = _mm512_shuffle_f32x4(odd_a, odd_b, 0x88);
    t[12 + j] = _mm512_shuffle_f32x4(odd_a, odd_b, 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) v[i] = t[i];
}

#elif defined(__AVX2__)

CYCLOID_INLINE void transpose_square(__m256 (&v)[8]) {
  __m256 t[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    v[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    v[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    v[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    v[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    t[j] = _mm256_permute2f128_ps(v[j], v[4 + j], 0x20);
    t[4 + j] = _mm256_permute2f128_ps(v[j], v[4 + j], 0x31);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) v[i] = t[i];
}

#else

CYCLOID_INLINE void transpose_square(Float4 (&v)[4]) {
  const Float4 a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), b = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
  const Float4 c = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5), d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
  v[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  v[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  v[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  v[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

#endif

void transpose_blocks(const TransposeArgs& t) {
  using Lanes = decltype(Vec::v);
  const int64_t rows = t.rows / kLanes * kLanes, columns = t.columns / kLanes * kLanes;
  // Rows innermost: they lie side by side in the input, so whole cache lines of it are used up before the next ones.
  for (int64_t c = 0; c < columns; c += kLanes) {
    for (int64_t r = 0; r < rows; r += kLanes) {
      Lanes v[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) v[i] = load(t.in + (c + i) * t.in_stride + r).v;
      transpose_square(v);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) store(t.out + (r + i) * t.out_stride + c, {v[i]});
    }
    for (int64_t r = rows; r < t.rows; ++r) {
      for (int i = 0; i < kLanes; ++i) t.out[r * t.out_stride + c + i] = t.in[(c + i) * t.in_stride + r];
    }
  }
  for (int64_t c = columns; c < t.columns; ++c) {
    for (int64_t r = 0; r < t.rows; ++r) t.out[r * t.out_stride + c] = t.in[c * t.in_stride + r];
  }
}

}  // namespace
}  // namespace cycloid::kernels
