// Tiles for few columns: a vector of lanes holds kFold channels of each column, so that a step of the sum does kFold of them.
//
// Lane j * kFold + i of a row of B is channel k + i of column j; a row of A gives its channels k to k + kFold - 1, repeated over
// the lanes, in one load. What the kFold lanes of a column sum to is added up at the end, for kFold rows at once.
#pragma once

#include "kernels/igemm/igemm_body.h"

namespace cycloid::kernels {
namespace {

// p[0, kFold), again and again.
template <int kFold>
CYCLOID_INLINE Vec repeat(const float* p) {
#if defined(__AVX512F__)
  if constexpr (kFold == 2)
    return {_mm512_castsi512_ps(_mm512_broadcastq_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
  if constexpr (kFold == 4) return {_mm512_broadcast_f32x4(_mm_loadu_ps(p))};
  return {_mm512_broadcast_f32x8(_mm256_loadu_ps(p))};
#elif defined(__AVX2__)
  if constexpr (kFold == 2)
    return {_mm256_castsi256_ps(_mm256_broadcastq_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
  if constexpr (kFold == 4) return {_mm256_broadcast_ps(reinterpret_cast<const __m128*>(p))};
  return load(p);
#else
  if constexpr (kFold == 2) return {Float4{p[0], p[1], p[0], p[1]}};
  return load(p);
#endif
}

// The sums of a's neighbouring lanes in the lower half, of b's in the upper one.
CYCLOID_INLINE Vec add_neighbours(Vec a, Vec b) {
#if defined(__AVX512F__)
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return {_mm512_add_ps(_mm512_permutex2var_ps(a.v, even, b.v), _mm512_permutex2var_ps(a.v, odd, b.v))};
#elif defined(__AVX2__)
  const __m256d sums = _mm256_castps_pd(_mm256_hadd_ps(a.v, b.v));  // a01 a23 b01 b23, a45 a67 b45 b67
  return {_mm256_castpd_ps(_mm256_permute4x64_pd(sums, 0xd8))};
#else
  return {__builtin_shufflevector(a.v, b.v, 0, 2, 4, 6) + __builtin_shufflevector(a.v, b.v, 1, 3, 5, 7)};
#endif
}

// Lanes [part * kWidth, (part + 1) * kWidth) in front.
template <int kWidth>
CYCLOID_INLINE Vec part_of(Vec x, int part) {
#if defined(__AVX512F__)
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return {_mm512_permutexvar_ps(_mm512_add_epi32(lane, _mm512_set1_epi32(part * kWidth)), x.v)};
#elif defined(__AVX2__)
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return {_mm256_permutevar8x32_ps(x.v, _mm256_add_epi32(lane, _mm256_set1_epi32(part * kWidth)))};
#else
  const int first = part * kWidth;
  return {Float4{x.v[first & 3], x.v[(first + 1) & 3], x.v[(first + 2) & 3], x.v[(first + 3) & 3]}};
#endif
}

// sums[g] of kCount vectors becomes that of the kFold rows from g * kFold on, side by side.
template <int kFold, int kCount>
CYCLOID_INLINE void igemm_fold(Vec (&sums)[kCount]) {
  if constexpr (kFold > 1) {
    constexpr int kHalf = (kCount + 1) / 2;
    Vec halves[kHalf];
#pragma GCC unroll 8
    for (int i = 0; i < kHalf; ++i)
      halves[i] = add_neighbours(sums[2 * i], 2 * i + 1 < kCount ? sums[2 * i + 1 < kCount ? 2 * i + 1 : 0] : zero());
    igemm_fold<kFold / 2>(halves);
#pragma GCC unroll 8
    for (int i = 0; i < kHalf; ++i) sums[i] = halves[i];
  }
}

template <int kFold, int kRows>
CYCLOID_INLINE void igemm_fold_sum(const IgemmTile& t, Vec (&sums)[kRows]) {
  const float* b = t.b;
  const float* const* rows = t.rows;
  const int64_t whole = t.channels / kFold * kFold, rest = t.channels - whole;
  for (int64_t tap = t.taps; tap > 0; --tap, rows += t.row_pointers) {
    const float* a[kRows];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
      a[r] = (t.row_stride != 0 ? rows[0] + r * t.row_stride : rows[r]) + t.row_offset + whole;
    for (int64_t at = -whole; at != 0; at += kFold, b += kLanes) {
      const Vec weight = load(b);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) accumulate(sums[r], repeat<kFold>(a[r] + at), weight);
    }
    if (rest == 0) continue;
    // Of what is no whole step nothing behind the channels may be read.
    const Vec weight = load(b);
    b += kLanes;
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      float last[kFold] = {};
      for (int64_t i = 0; i < rest; ++i) last[i] = a[r][i];
      accumulate(sums[r], repeat<kFold>(last), weight);
    }
  }
}

template <int kRows, int kFold>
void igemm_fold_tile(const IgemmTile& t) {
  constexpr int kWidth = kLanes / kFold;
  Vec sums[kRows];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) sums[r] = zero();
  igemm_fold_sum<kFold>(t, sums);
  igemm_fold<kFold>(sums);
  const Mask columns = first(t.columns);
  const Vec bias = t.bias == nullptr ? zero() : load(t.bias, columns);
  Vec acc[kRows][1];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) acc[r][0] = part_of<kWidth>(sums[r / kFold], r % kFold) + bias;
  igemm_finish<kRows, 1>(t, columns, acc);
}

template <int kFold, class Rows>
struct IgemmFoldByRows;
template <int kFold, int... kRow>
struct IgemmFoldByRows<kFold, RowList<kRow...>> {
  static constexpr IgemmFn table[] = {igemm_fold_tile<kRow, kFold>...};
};

template <int kFold>
constexpr const IgemmFn* igemm_folds() {
  if constexpr (kFold <= kLanes) return IgemmFoldByRows<kFold, typename RowsUpTo<kIgemmFoldRows>::List>::table;
  return nullptr;
}

}  // namespace
}  // namespace cycloid::kernels
