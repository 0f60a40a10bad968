// Ways of joining two vectors, and the lanes of one to one value, for bodies on simd.h.
#pragma once

#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

struct ReduceAdd {
  static CYCLOID_INLINE Vec start() { return zero(); }
  static CYCLOID_INLINE Vec join(Vec a, Vec b) { return a + b; }
};
struct ReduceMul {
  static CYCLOID_INLINE Vec start() { return set1(1.0f); }
  static CYCLOID_INLINE Vec join(Vec a, Vec b) { return a * b; }
};
// max(a, b) returns b where either is NaN; the select keeps a NaN in a.
struct ReduceMax {
  static CYCLOID_INLINE Vec start() { return set1(-__builtin_inff()); }
  static CYCLOID_INLINE Vec join(Vec a, Vec b) { return select(is_nan(a), a, max(a, b)); }
};
struct ReduceMin {
  static CYCLOID_INLINE Vec start() { return set1(__builtin_inff()); }
  static CYCLOID_INLINE Vec join(Vec a, Vec b) { return select(is_nan(a), a, min(a, b)); }
};

// The upper half of the first 2 * kHalf lanes moved to the lower; what comes to the others is of no account.
template <int kHalf>
CYCLOID_INLINE Vec upper_half(Vec a) {
#if defined(__AVX512F__)
  if constexpr (kHalf == 8) return {_mm512_shuffle_f32x4(a.v, a.v, 0x4e)};
  if constexpr (kHalf == 4) return {_mm512_shuffle_f32x4(a.v, a.v, 0xb1)};
  if constexpr (kHalf == 2) return {_mm512_permute_ps(a.v, 0x4e)};
  return {_mm512_permute_ps(a.v, 0xb1)};
#elif defined(__AVX2__)
  if constexpr (kHalf == 4) return {_mm256_permute2f128_ps(a.v, a.v, 1)};
  if constexpr (kHalf == 2) return {_mm256_permute_ps(a.v, 0x4e)};
  return {_mm256_permute_ps(a.v, 0xb1)};
#else
  if constexpr (kHalf == 2) return {__builtin_shufflevector(a.v, a.v, 2, 3, 0, 1)};
  return {__builtin_shufflevector(a.v, a.v, 1, 0, 3, 2)};
#endif
}

// The lanes joined pairwise, by halves; in registers, as a load that takes from two stores would wait for both.
template <class Join, int kHalf = kLanes / 2>
CYCLOID_INLINE float join_lanes(Vec a) {
  a = Join::join(a, upper_half<kHalf>(a));
  if constexpr (kHalf > 1) {
    return join_lanes<Join, kHalf / 2>(a);
  } else {
    float lanes[kLanes];
    store(lanes, a);
    return lanes[0];
  }
}

}  // namespace
}  // namespace cycloid::kernels
