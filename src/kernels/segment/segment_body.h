// Bodies of bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/join_lanes.h"
#include "kernels/segment/bodies.h"
#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

// The segments of kLanes elements: ids less `first` in 32 bits, and which lanes fit there (`known`); the others are in no
// segment.
#if defined(__AVX512F__)

struct Segments {
  __m512i k;
  __mmask16 known;
};
CYCLOID_INLINE Segments load_segments(const int64_t* ids, int64_t first_id) {
  const __m512i shift = _mm512_set1_epi64(first_id);
  const __m512i a = _mm512_sub_epi64(_mm512_loadu_si512(ids), shift);
  const __m512i b = _mm512_sub_epi64(_mm512_loadu_si512(ids + 8), shift);
  const __m512i low = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i high = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  const __m512i upper = _mm512_permutex2var_epi32(a, high, b);
  return {_mm512_permutex2var_epi32(a, low, b), _mm512_testn_epi32_mask(upper, upper)};
}
// Differences of 32-bit ids wrap around, but never into [0, kFewSegments): those are 2^32 apart.
CYCLOID_INLINE Segments load_segments(const int32_t* ids, int64_t first_id) {
  return {_mm512_sub_epi32(_mm512_loadu_si512(ids), _mm512_set1_epi32(static_cast<int>(first_id))), 0xffff};
}
CYCLOID_INLINE Mask members(const Segments& s, int k) {
  return {_mm512_mask_cmpeq_epi32_mask(s.known, s.k, _mm512_set1_epi32(k))};
}

#elif defined(__AVX2__)

struct Segments {
  __m256i k;
  __m256i known;
};
CYCLOID_INLINE Segments load_segments(const int64_t* ids, int64_t first_id) {
  const __m256i shift = _mm256_set1_epi64x(first_id);
  const auto load4 = [&](const int64_t* p) {
    return _mm256_castsi256_ps(_mm256_sub_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), shift));
  };
  const __m256 a = load4(ids), b = load4(ids + 4);
  // Shuffles stay in the halves; the permutation of 64-bit parts puts the elements back in order.
  const auto in_order = [](__m256 x) { return _mm256_permute4x64_epi64(_mm256_castps_si256(x), 0xd8); };
  const __m256i upper = in_order(_mm256_shuffle_ps(a, b, 0xdd));
  return {in_order(_mm256_shuffle_ps(a, b, 0x88)), _mm256_cmpeq_epi32(upper, _mm256_setzero_si256())};
}
CYCLOID_INLINE Segments load_segments(const int32_t* ids, int64_t first_id) {
  return {_mm256_sub_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(ids)),
                           _mm256_set1_epi32(static_cast<int>(first_id))),
          _mm256_set1_epi32(-1)};
}
CYCLOID_INLINE Mask members(const Segments& s, int k) {
  return {_mm256_castsi256_ps(_mm256_and_si256(s.known, _mm256_cmpeq_epi32(s.k, _mm256_set1_epi32(k))))};
}

#else

struct Segments {
  uint64_t k[kLanes];
};
template <class Id>
CYCLOID_INLINE Segments load_segments(const Id* ids, int64_t first_id) {
  Segments s;
  for (int i = 0; i < kLanes; ++i) s.k[i] = static_cast<uint64_t>(ids[i]) - static_cast<uint64_t>(first_id);
  return s;
}
CYCLOID_INLINE Mask members(const Segments& s, int k) {
  Mask m;
  for (int i = 0; i < kLanes; ++i) m.m[i] = s.k[i] == static_cast<uint64_t>(k) ? -1 : 0;
  return m;
}

#endif

// kSegments accumulators stay in registers.
template <class Join, class Id, int kSegments>
void reduce_few(const SegmentArgs& t) {
  const Id* ids = static_cast<const Id*>(t.ids);
  Vec s[kSegments];
#pragma GCC unroll 16
  for (int k = 0; k < kSegments; ++k) s[k] = Join::start();
  const auto add = [&](const Segments& of, Vec x) {
#pragma GCC unroll 16
    for (int k = 0; k < kSegments; ++k) s[k] = select(members(of, k), Join::join(s[k], x), s[k]);
  };
  int64_t i = 0;
  for (; i + kLanes <= t.count; i += kLanes) add(load_segments(ids + i, t.first), load(t.x + i));
  if (i < t.count) {
    Id rest[kLanes];  // the lanes behind the last element are in no segment
    for (int lane = 0; lane < kLanes; ++lane)
      rest[lane] = i + lane < t.count ? ids[i + lane] : static_cast<Id>(static_cast<uint64_t>(t.first) - 1);
    add(load_segments(rest, t.first), load(t.x + i, first(t.count - i)));
  }
#pragma GCC unroll 16
  for (int k = 0; k < kSegments; ++k) {
    if (k < t.segments) t.y[k] = join_lanes<Join>(s[k]);
  }
}

template <class Join, class Id>
void reduce_segments(const SegmentArgs& t) {
  if (t.segments <= 2) return reduce_few<Join, Id, 2>(t);
  if (t.segments <= 3) return reduce_few<Join, Id, 3>(t);
  if (t.segments <= 4) return reduce_few<Join, Id, 4>(t);
  if (t.segments <= 6) return reduce_few<Join, Id, 6>(t);
  if (t.segments <= 8) return reduce_few<Join, Id, 8>(t);
  if (t.segments <= 12) return reduce_few<Join, Id, 12>(t);
  reduce_few<Join, Id, 16>(t);
}

constexpr SegmentBodies kSegmentBodies = {{reduce_segments<ReduceAdd, int64_t>, reduce_segments<ReduceMul, int64_t>,
                                           reduce_segments<ReduceMax, int64_t>, reduce_segments<ReduceMin, int64_t>},
                                          {reduce_segments<ReduceAdd, int32_t>, reduce_segments<ReduceMul, int32_t>,
                                           reduce_segments<ReduceMax, int32_t>, reduce_segments<ReduceMin, int32_t>}};

}  // namespace
}  // namespace cycloid::kernels
