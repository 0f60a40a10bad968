// Bodies of bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/interleave/bodies.h"
#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

// The elements of a and b in turns: those of the lower halves in `low`, of the upper halves in `high`.
CYCLOID_INLINE void take_turns(Vec a, Vec b, Vec& low, Vec& high) {
#if defined(__AVX512F__)
  const __m512i first_half = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  low.v = _mm512_permutex2var_ps(a.v, first_half, b.v);
  high.v = _mm512_permutex2var_ps(a.v, _mm512_add_epi32(first_half, _mm512_set1_epi32(8)), b.v);
#elif defined(__AVX2__)
  const __m256 even = _mm256_unpacklo_ps(a.v, b.v), odd = _mm256_unpackhi_ps(a.v, b.v);
  low.v = _mm256_permute2f128_ps(even, odd, 0x20);
  high.v = _mm256_permute2f128_ps(even, odd, 0x31);
#else
  for (int i = 0; i < kLanes; ++i) {
    const float x = i % 2 == 0 ? a.v[i / 2] : b.v[i / 2];
    const float y = i % 2 == 0 ? a.v[(kLanes + i) / 2] : b.v[(kLanes + i) / 2];
    low.v[i] = x;
    high.v[i] = y;
  }
#endif
}

[[maybe_unused]] void interleave(const InterleaveArgs& t) {
  const int64_t whole = t.columns / kLanes * kLanes, rest = t.columns - whole;
  const Mask in = first(rest), low_out = first(min_of(kLanes, 2 * rest)),
             high_out = first(max_of(0, 2 * rest - kLanes));
  for (int64_t row = 0; row < t.rows; ++row) {
    const float* a = t.a + row * t.a_stride;
    const float* b = t.b + row * t.b_stride;
    float* out = t.out + row * t.out_stride;
    Vec low, high;
    for (int64_t i = 0; i < whole; i += kLanes) {
      take_turns(load(a + i), load(b + i), low, high);
      store(out + 2 * i, low);
      store(out + 2 * i + kLanes, high);
    }
    if (rest == 0) continue;
    take_turns(load(a + whole, in), load(b + whole, in), low, high);
    store(out + 2 * whole, low, low_out);
    if (2 * rest > kLanes) store(out + 2 * whole + kLanes, high, high_out);
  }
}

// The elements of the pair (low, high) at even places, and those at odd ones.
CYCLOID_INLINE void undo_turns(Vec low, Vec high, Vec& a, Vec& b) {
#if defined(__AVX512F__)
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  a.v = _mm512_permutex2var_ps(low.v, even, high.v);
  b.v = _mm512_permutex2var_ps(low.v, _mm512_add_epi32(even, _mm512_set1_epi32(1)), high.v);
#elif defined(__AVX2__)
  const __m256 first_half = _mm256_permute2f128_ps(low.v, high.v, 0x20);
  const __m256 second_half = _mm256_permute2f128_ps(low.v, high.v, 0x31);
  a.v = _mm256_shuffle_ps(first_half, second_half, 0x88);
  b.v = _mm256_shuffle_ps(first_half, second_half, 0xdd);
#else
  for (int i = 0; i < kLanes; ++i) {
    const int at = 2 * i;
    a.v[i] = at < kLanes ? low.v[at] : high.v[at - kLanes];
    b.v[i] = at + 1 < kLanes ? low.v[at + 1] : high.v[at + 1 - kLanes];
  }
#endif
}

[[maybe_unused]] void separate(const SeparateArgs& t) {
  const int64_t whole = t.columns / kLanes * kLanes, rest = t.columns - whole;
  const Mask out = first(rest), low_in = first(min_of(kLanes, 2 * rest)), high_in = first(max_of(0, 2 * rest - kLanes));
  for (int64_t row = 0; row < t.rows; ++row) {
    const float* in = t.in + row * t.in_stride;
    float* to_a = t.a + row * t.a_stride;
    float* to_b = t.b + row * t.b_stride;
    Vec a, b;
    for (int64_t i = 0; i < whole; i += kLanes) {
      undo_turns(load(in + 2 * i), load(in + 2 * i + kLanes), a, b);
      store(to_a + i, a);
      store(to_b + i, b);
    }
    if (rest == 0) continue;
    const Vec high = 2 * rest > kLanes ? load(in + 2 * whole + kLanes, high_in) : zero();
    undo_turns(load(in + 2 * whole, low_in), high, a, b);
    store(to_a + whole, a, out);
    store(to_b + whole, b, out);
  }
}

}  // namespace
}  // namespace cycloid::kernels
