// Bodies of bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/attend/bodies.h"
#include "kernels/join_lanes.h"
#include "kernels/simd_math.h"

namespace cycloid::kernels {
namespace {

// Lane i of the result is the sum of the lanes of vector i.
template <int kCount>
CYCLOID_INLINE Vec sums_of(const Vec (&v)[kCount]) {
  float lanes[kCount];
#pragma GCC unroll 16
  for (int i = 0; i < kCount; ++i) lanes[i] = join_lanes<ReduceAdd>(v[i]);
  return load(lanes);
}

#if defined(__AVX512F__)
// Four vectors to one of four lanes' sums in each 128-bit part, then the parts of four such.
CYCLOID_INLINE __m512 sums_of_four(__m512 a, __m512 b, __m512 c, __m512 d) {
  const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  return _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee));
}
template <>
CYCLOID_INLINE Vec sums_of<16>(const Vec (&v)[16]) {
  const __m512 a = sums_of_four(v[0].v, v[1].v, v[2].v, v[3].v), b = sums_of_four(v[4].v, v[5].v, v[6].v, v[7].v);
  const __m512 c = sums_of_four(v[8].v, v[9].v, v[10].v, v[11].v), d = sums_of_four(v[12].v, v[13].v, v[14].v, v[15].v);
  const __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  const __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
  return {_mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd))};
}
#elif defined(__AVX2__)
template <>
CYCLOID_INLINE Vec sums_of<8>(const Vec (&v)[8]) {
  const __m256 a = _mm256_hadd_ps(_mm256_hadd_ps(v[0].v, v[1].v), _mm256_hadd_ps(v[2].v, v[3].v));
  const __m256 b = _mm256_hadd_ps(_mm256_hadd_ps(v[4].v, v[5].v), _mm256_hadd_ps(v[6].v, v[7].v));
  return {_mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31))};
}
#endif

// A lane of the result is a key: as many keys at once as there are lanes, each with a running vector of its own.
void dots(const DotsArgs& t) {
  const int64_t whole = t.size / kLanes * kLanes;
  const Mask rest = first(t.size - whole);
  int64_t j = 0;
  for (; j + kLanes <= t.keys; j += kLanes) {
    for (int64_t r = 0; r < t.rows; ++r) {
      const float* q = t.q + r * t.q_step;
      const float* k = t.k + j * t.k_step;
      Vec sum[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) sum[i] = zero();
      for (int64_t d = 0; d < whole; d += kLanes) {
        const Vec part = load(q + d);
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) sum[i] = fma(part, load(k + i * t.k_step + d), sum[i]);
      }
      if (whole < t.size) {
        const Vec part = load(q + whole, rest);
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) sum[i] = fma(part, load(k + i * t.k_step + whole, rest), sum[i]);
      }
      store(t.scores + r * t.scores_step + j, sums_of(sum));
    }
  }
  for (; j < t.keys; ++j) {
    for (int64_t r = 0; r < t.rows; ++r) {
      const float* q = t.q + r * t.q_step;
      const float* k = t.k + j * t.k_step;
      Vec sum = zero();
      for (int64_t d = 0; d < whole; d += kLanes) sum = fma(load(q + d), load(k + d), sum);
      if (whole < t.size) sum = fma(load(q + whole, rest), load(k + whole, rest), sum);
      t.scores[r * t.scores_step + j] = join_lanes<ReduceAdd>(sum);
    }
  }
}

// Calls f(begin, mask) for each vector of [first, last).
template <class F>
CYCLOID_INLINE void for_each_vector_of(int64_t begin, int64_t end, F f) {
  for_each_vector(end - begin, [&]<bool kFull>(int64_t j, Mask m) { f.template operator()<kFull>(begin + j, m); });
}

void shares(const SharesArgs& t) {
  float* x = t.scores;
  for (int64_t j = 0; j < t.first; ++j) x[j] = 0;
  for (int64_t j = max_of(t.last, t.first); j < t.keys; ++j) x[j] = 0;
  if (t.last <= t.first) return;
  const Vec scale = set1(t.scale), cap = set1(t.softcap), inverse = set1(t.softcap == 0 ? 0.0f : 1.0f / t.softcap);
  const Vec lowest = set1(-__builtin_inff());
  Vec top = lowest, top_bias = t.bias == nullptr ? zero() : lowest;
  for_each_vector_of(t.first, t.last, [&]<bool kFull>(int64_t j, Mask m) {
    Vec v = load_part<kFull>(x + j, m) * scale;
    if (t.softcap != 0) v = cap * tanh(v * inverse);
    if (t.bias != nullptr) {
      const Vec bias = load_part<kFull>(t.bias + j, m);
      v = v + bias;
      top_bias = ReduceMax::join(top_bias, kFull ? bias : select(m, bias, lowest));
    }
    store_part<kFull>(x + j, v, m);
    top = ReduceMax::join(top, kFull ? v : select(m, v, lowest));
  });
  if (t.bias != nullptr && join_lanes<ReduceMax>(top_bias) == -__builtin_inff()) {
    for (int64_t j = t.first; j < t.last; ++j) x[j] = 0;
    return;
  }
  const Vec most = set1(join_lanes<ReduceMax>(top));
  Vec sum = zero();
  for_each_vector_of(t.first, t.last, [&]<bool kFull>(int64_t j, Mask m) {
    const Vec e = exp(load_part<kFull>(x + j, m) - most);
    store_part<kFull>(x + j, e, m);
    sum = sum + (kFull ? e : select(m, e, zero()));
  });
  const Vec share = set1(1.0f / join_lanes<ReduceAdd>(sum));
  for_each_vector_of(t.first, t.last, [&]<bool kFull>(int64_t j, Mask m) {
    store_part<kFull>(x + j, load_part<kFull>(x + j, m) * share, m);
  });
}

constexpr AttendBodies kAttendBodies = {dots, shares};

}  // namespace
}  // namespace cycloid::kernels
