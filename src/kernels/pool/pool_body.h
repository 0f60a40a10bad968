// Bodies of bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/pool/bodies.h"
#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

// How a tap is joined to those before it.
enum class Join {
  kSum,
  kMax,           // NaN wins, as in ONNX Runtime and PyTorch
  kMaxOfNumbers,  // a NaN tap is lost; what is added up beside it shows whether there was one
};

// max(a, b) returns b if either is NaN: so a NaN tap enters, and one that is already there is kept by the select.
template <Join kJoin>
CYCLOID_INLINE Vec join(Vec sum, Vec tap) {
  if constexpr (kJoin == Join::kMax) return select(is_nan(sum), sum, max(sum, tap));
  if constexpr (kJoin == Join::kMaxOfNumbers) return max(tap, sum);
  return sum + tap;
}

template <bool kMax>
CYCLOID_INLINE Vec pool_join(Vec sum, Vec tap) {
  return join<kMax ? Join::kMax : Join::kSum>(sum, tap);
}

// kVectors vectors of channels of one pixel. kMaxOfNumbers: adds all taps to `seen`.
template <Join kJoin, int kVectors, bool kFull>
CYCLOID_INLINE void pool_channels(const PoolRow& t, const float* window, int64_t taps, float scale, float* out,
                                  Mask last, Vec (&seen)[4]) {
  Vec sum[kVectors];
  for (int v = 0; v < kVectors; ++v) sum[v] = kJoin == Join::kSum ? zero() : set1(-__builtin_inff());
  for (int64_t i = 0; i < t.tap_rows; ++i) {
    const float* p = window + i * t.row_step - (i >= t.wrap_row ? t.wrap_step : 0);
    for (int64_t j = 0; j < taps; ++j, p += t.column_step) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const float* q = p + v * kLanes;
        const Vec tap = v + 1 < kVectors ? load(q) : load_part<kFull>(q, last);
        sum[v] = join<kJoin>(sum[v], tap);
        if constexpr (kJoin == Join::kMaxOfNumbers) seen[v] = seen[v] + tap;
      }
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    if (kJoin == Join::kSum) sum[v] = sum[v] * set1(scale);
    if (v + 1 < kVectors) {
      store(out + v * kLanes, sum[v]);
    } else {
      store_part<kFull>(out + v * kLanes, sum[v], last);
    }
  }
}

// Taps at columns below `end` of a window that begins at `left`.
CYCLOID_INLINE int64_t taps_before(const PoolRow& t, int64_t left, int64_t end) {
  if (end <= left) return 0;
  if (t.dilation_w == 1) return min_of(t.kernel_w, end - left);  // a division takes as long as many taps
  return min_of(t.kernel_w, (end - left + t.dilation_w - 1) / t.dilation_w);
}

// Whether no tap was NaN, which only kMaxOfNumbers asks.
template <Join kJoin>
CYCLOID_INLINE bool join_row(const PoolRow& t) {
  Vec seen[4] = {zero(), zero(), zero(), zero()};
  for (int64_t x = 0; x < t.out_w; ++x) {
    const int64_t left = x * t.stride_w - t.pad_left;
    const int64_t skip = taps_before(t, left, 0);
    const int64_t taps = max_of(0, taps_before(t, left, t.in_w) - skip);
    float scale = 0;
    if constexpr (kJoin == Join::kSum) {
      const int64_t counted = taps_before(t, left, t.counted_end) - (t.count_padding ? 0 : skip);
      const int64_t count = counted * t.counted_rows;
      scale = count > 0 ? 1.0f / static_cast<float>(count) : 0.0f;
    }
    const float* window = t.in + (left + skip * t.dilation_w) * t.pixel_stride;
    float* out = t.out + x * t.out_stride;
    int64_t c = 0;
    for (; c + 4 * kLanes <= t.channels; c += 4 * kLanes) {
      pool_channels<kJoin, 4, true>(t, window + c, taps, scale, out + c, first(kLanes), seen);
    }
    for_each_vector(t.channels - c, [&]<bool kFull>(int64_t j, Mask m) {
      pool_channels<kJoin, 1, kFull>(t, window + c + j, taps, scale, out + c + j, m, seen);
    });
  }
  const float all = reduce_add((seen[0] + seen[1]) + (seen[2] + seen[3]));
  return all == all;
}

// To keep NaN takes longer than to find that there is none: a sum of taps is NaN if one is (or if infinities of both signs
// meet in it, which costs time alone).
template <bool kMax>
void pool_row(const PoolRow& t) {
  if constexpr (kMax) {
    if (!join_row<Join::kMaxOfNumbers>(t)) join_row<Join::kMax>(t);
  } else {
    join_row<Join::kSum>(t);
  }
}

// Every second float from p on.
CYCLOID_INLINE Vec load_even(const float* p) {
#if defined(__AVX512F__)
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  return {_mm512_permutex2var_ps(_mm512_loadu_ps(p), even, _mm512_loadu_ps(p + 16))};
#elif defined(__AVX2__)
  const __m256 both = _mm256_shuffle_ps(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8), 0x88);
  return {_mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(both), 0xd8))};
#else
  return {__builtin_shufflevector(load(p).v, load(p + 4).v, 0, 2, 4, 6)};
#endif
}

// out[x] = the taps joined, of which the first is at v[x * stride]; up to two vectors beyond them are read, whatever is there.
template <bool kMax, int kStride>
CYCLOID_INLINE void join_taps(const PoolRow& t, const float* v, float scale) {
  for_each_vector(t.out_w, [&]<bool kFull>(int64_t x, Mask mask) {
    const auto tap = [&](int64_t j) {
      const float* p = v + x * kStride + j * t.dilation_w;
      return kStride == 1 ? load(p) : load_even(p);
    };
    Vec sum = tap(0);
    for (int64_t j = 1; j < t.kernel_w; ++j) sum = pool_join<kMax>(sum, tap(j));
    if (!kMax) sum = sum * set1(scale);
    store_part<kFull>(t.out + x, sum, mask);
  });
}

template <bool kMax>
CYCLOID_INLINE void join_taps_one_by_one(const PoolRow& t, const float* v, float scale) {
  for (int64_t x = 0; x < t.out_w; ++x) {
    const float* p = v + x * t.stride_w;
    float sum = p[0];
    for (int64_t j = 1; j < t.kernel_w; ++j) {
      const float tap = p[j * t.dilation_w];
      if (kMax)
        sum = sum != sum || sum > tap ? sum : tap;
      else
        sum += tap;
    }
    t.out[x] = kMax ? sum : sum * scale;
  }
}

// An average whose window the end of a row cuts: fewer taps count.
CYCLOID_INLINE void cut_average(const PoolRow& t, const float* v, int64_t x) {
  const int64_t left = x * t.stride_w - t.pad_left;
  int64_t taps = 0;
  float sum = 0;
  for (int64_t j = 0; j < t.kernel_w; ++j) {
    const int64_t at = left + j * t.dilation_w;
    taps += (at >= 0 || t.count_padding) && at < t.counted_end ? 1 : 0;
    sum += v[t.pad_left + at];
  }
  t.out[x] = taps * t.counted_rows == 0 ? 0 : sum / static_cast<float>(taps * t.counted_rows);
}

template <bool kMax>
void plane_rows(const PoolRow& t) {
  const float nothing = kMax ? -__builtin_inff() : 0.0f;
  const int64_t taken = (t.out_w - 1) * t.stride_w + (t.kernel_w - 1) * t.dilation_w + 1;
  float* v = t.scratch;
  for (int64_t x = 0; x < t.pad_left; ++x) v[x] = nothing;
  for_each_vector(t.in_w, [&]<bool kFull>(int64_t x, Mask mask) {
    Vec sum = set1(nothing);
    for (int64_t i = 0; i < t.tap_rows; ++i) {
      const float* row = t.in + (t.rows == nullptr ? i * t.row_step : t.rows[i]);
      sum = pool_join<kMax>(sum, load_part<kFull>(row + x, mask));
    }
    store_part<kFull>(v + t.pad_left + x, sum, mask);
  });
  for (int64_t x = t.pad_left + t.in_w; x < taken; ++x) v[x] = nothing;
}

template <bool kMax>
void plane_taps(const PoolRow& t) {
  const float* v = t.scratch;
  const int64_t count = t.kernel_w * t.counted_rows;
  const float scale = count > 0 ? 1.0f / static_cast<float>(count) : 1.0f;
  if (t.stride_w == 1)
    join_taps<kMax, 1>(t, v, scale);
  else if (t.stride_w == 2)
    join_taps<kMax, 2>(t, v, scale);
  else
    join_taps_one_by_one<kMax>(t, v, scale);
  if (kMax) return;
  const int64_t span = (t.kernel_w - 1) * t.dilation_w;
  int64_t x = 0;
  for (; x < t.out_w && x * t.stride_w < t.pad_left; ++x) cut_average(t, v, x);
  for (int64_t last = t.out_w - 1; last >= x && last * t.stride_w - t.pad_left + span >= t.counted_end; --last)
    cut_average(t, v, last);
}

}  // namespace
}  // namespace cycloid::kernels
