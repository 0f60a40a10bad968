// Bodies of depthwise.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/conv/depthwise.h"
#include "kernels/post_body.h"
#include "kernels/simd.h"
#include "kernels/simd_accumulate.h"

namespace cycloid::kernels {
namespace {

template <bool kFull>
CYCLOID_INLINE void depthwise_store_pixel(const DepthwiseRow& t, int64_t x, int64_t c, Vec sum, Mask m) {
  const Vec residual = t.residual == nullptr ? zero() : load_part<kFull>(t.residual + x * t.residual_stride + c, m);
  if (t.residual != nullptr && !t.residual_last) sum = sum + residual;
  sum = min(set1(t.hi), max(set1(t.lo), sum));
  if (t.activation != nullptr) sum = activate_in_registers<kFull>(sum, *t.activation, t.activation->slope, c, m);
  if (t.residual != nullptr && t.residual_last) sum = sum + residual;
  store_part<kFull>(t.out + x * t.out_stride + c, sum, m);
}

// One pixel whose window may cross the left or right edge.
void depthwise_pixel(const DepthwiseRow& t, int64_t x) {
  const int64_t left = x * t.stride_w - t.pad_left;
  int64_t begin = 0, end = t.kernel_w;
  while (begin < end && left + begin * t.dilation_w < 0) ++begin;
  while (begin < end && left + (end - 1) * t.dilation_w >= t.in_w) --end;
  for_each_vector(t.channels, [&]<bool kFull>(int64_t c, Mask m) {
    Vec sum = load(t.bias + c);
    for (int64_t i = 0; i < t.tap_rows; ++i) {
      const float* in = t.in + i * t.row_step + left * t.in_stride + c;
      const float* w = t.weights + i * t.kernel_w * t.weight_stride + c;
      for (int64_t j = begin; j < end; ++j) {
        sum = fma(load_part<kFull>(in + j * t.dilation_w * t.in_stride, m), load(w + j * t.weight_stride), sum);
      }
    }
    depthwise_store_pixel<kFull>(t, x, c, sum, m);
  });
}

// Of kPixels neighbouring pixels, `first` and what follows are stored up to `last`; where kEdges, only the columns
// [column_begin, column_end) of those that their windows cover are inside.
struct DepthwiseGroup {
  int64_t x;  // of the first pixel
  int first, last;
  int column_begin, column_end;
};

// The sums of a group's kPixels pixels, by fold expressions over their indices: g++ 12 keeps an array in memory that loops
// index, unless it unrolls them early, which here it does not.
template <int... kIndex>
struct Indices {};
template <int kCount, int... kIndex>
struct IndicesUpTo : IndicesUpTo<kCount - 1, kCount - 1, kIndex...> {};
template <int... kIndex>
struct IndicesUpTo<0, kIndex...> {
  using List = Indices<kIndex...>;
};

template <int kColumn, int kStride, int q, int kWidth, int kPixels>
CYCLOID_INLINE void depthwise_tap(Vec v, const Vec (&weight)[kWidth], Vec (&sum)[kPixels]) {
  constexpr int kTap = kColumn - q * kStride;
  if constexpr (kTap >= 0 && kTap < kWidth) accumulate(sum[q], v, weight[kTap]);
}

// One column of one tap row: each input vector is loaded once for all windows that hold it.
template <int kColumn, int kStride, bool kFetch, bool kEdges, bool kFull, int kWidth, int kPixels, int kPointers,
          int... q>
CYCLOID_INLINE void depthwise_column(const DepthwiseGroup& g, const float* const (&p)[kPointers], int64_t stride,
                                     const Vec (&weight)[kWidth], Mask m, Vec (&sum)[kPixels], Indices<q...>) {
  if (kEdges && (kColumn < g.column_begin || kColumn >= g.column_end)) return;
  const float* at = p[kColumn / 3] + kColumn % 3 * stride;
  const Vec v = load_part<kFull>(at, m);
  // The next group's new pixel in this column: with many channels the lines of a row are far apart, and come in an order
  // that the processor's own prefetchers do not see through.
  if constexpr (kFetch && kColumn < kPixels * kStride)
    __builtin_prefetch(at + ((kPixels - 1) * kStride + kWidth) * stride);
  (depthwise_tap<kColumn, kStride, q>(v, weight, sum), ...);
}

template <int kStride, bool kFetch, bool kEdges, bool kFull, int kWidth, int kPixels, int kPointers, int... j,
          int... column, int... i>
CYCLOID_INLINE void depthwise_tap_row(const DepthwiseGroup& g, const float* (&p)[kPointers], int64_t stride,
                                      int64_t row_step, const float* w, int64_t weight_stride, Mask m,
                                      Vec (&sum)[kPixels], Indices<j...>, Indices<column...>, Indices<i...>) {
  const Vec weight[kWidth] = {load(w + j * weight_stride)...};
  (depthwise_column<column, kStride, kFetch, kEdges, kFull>(g, p, stride, weight, m, sum,
                                                            typename IndicesUpTo<kPixels>::List{}),
   ...);
  ((p[i] += row_step), ...);
}

template <bool kEdges, bool kFull>
CYCLOID_INLINE Vec depthwise_residual(const DepthwiseRow& t, const DepthwiseGroup& g, int q, int64_t c, Vec sum,
                                      Mask m) {
  if (kEdges && (q < g.first || q >= g.last)) return sum;
  return sum + load_part<kFull>(t.residual + (g.x + q) * t.residual_stride + c, m);
}

template <bool kEdges, bool kFull>
CYCLOID_INLINE void depthwise_store(const DepthwiseRow& t, const DepthwiseGroup& g, int q, int64_t c, Vec sum, Mask m) {
  if (kEdges && (q < g.first || q >= g.last)) return;
  store_part<kFull>(t.out + (g.x + q) * t.out_stride + c, sum, m);
}

template <bool kFull, int kPixels, int... q>
CYCLOID_INLINE void depthwise_activate(const DepthwiseRow& t, int64_t c, Mask m, Vec (&sum)[kPixels], Indices<q...>) {
  const Activation& a = *t.activation;
  if (a.kind == ActivationKind::kHardSwish) {
    ((sum[q] = hard_swish(sum[q])), ...);
  } else if (a.kind != ActivationKind::kClip) {
    const Vec slope = a.kind == ActivationKind::kPRelu ? load_part<kFull>(a.slope + c, m) : set1(a.alpha);
    ((sum[q] = leak(sum[q], slope)), ...);
  }
  if (a.scaled) ((sum[q] = fma(sum[q], set1(a.scale), set1(a.shift))), ...);
}

// What follows a group's sums.
template <bool kEdges, bool kFull, int kPixels, int... q>
CYCLOID_INLINE void depthwise_finish(const DepthwiseRow& t, const DepthwiseGroup& g, int64_t c, Mask m, Vec lo, Vec hi,
                                     Vec (&sum)[kPixels], Indices<q...> each) {
  if (t.residual != nullptr && !t.residual_last)
    ((sum[q] = depthwise_residual<kEdges, kFull>(t, g, q, c, sum[q], m)), ...);
  ((sum[q] = min(hi, max(lo, sum[q]))), ...);
  if (t.activation != nullptr) depthwise_activate<kFull>(t, c, m, sum, each);
  if (t.residual != nullptr && t.residual_last)
    ((sum[q] = depthwise_residual<kEdges, kFull>(t, g, q, c, sum[q], m)), ...);
  (depthwise_store<kEdges, kFull>(t, g, q, c, sum[q], m), ...);
}

// A group's pixels for the channels of a vector.
template <int kWidth, int kStride, bool kFetch, bool kEdges, bool kFull, int... q, int... i>
CYCLOID_INLINE void depthwise_vector(const DepthwiseRow& t, const DepthwiseGroup& g, const float* in, int64_t c, Mask m,
                                     Vec lo, Vec hi, Indices<q...>, Indices<i...>) {
  constexpr int kPixels = sizeof...(q), kColumns = (kPixels - 1) * kStride + kWidth;
  const int64_t stride = t.in_stride, row_step = t.row_step, weight_stride = t.weight_stride;
  const float* p[] = {in + c + 3 * i * stride...};  // one for three columns: see igemm_sum_strided()
  const float* w = t.weights + c;
  const Vec bias = load(t.bias + c);
  Vec sum[kPixels] = {(static_cast<void>(q), bias)...};
#pragma GCC unroll 1
  for (int64_t row = t.tap_rows; row > 0; --row, w += kWidth * weight_stride) {
    depthwise_tap_row<kStride, kFetch, kEdges, kFull, kWidth>(g, p, stride, row_step, w, weight_stride, m, sum,
                                                              typename IndicesUpTo<kWidth>::List{},
                                                              typename IndicesUpTo<kColumns>::List{}, Indices<i...>{});
  }
  depthwise_finish<kEdges, kFull>(t, g, c, m, lo, hi, sum, Indices<q...>{});
}

// One column of one input row for two output rows; kAbove, kBelow: whether the row has a tap of each.
template <int kColumn, int kStride, bool kAbove, bool kBelow, bool kFetch, bool kEdges, bool kFull, int kWidth,
          int kPixels, int kPointers, int... q>
CYCLOID_INLINE void depthwise_pair_column(const DepthwiseGroup& g, const float* const (&p)[kPointers], int64_t stride,
                                          const Vec (&weight_above)[kWidth], const Vec (&weight_below)[kWidth], Mask m,
                                          Vec (&above)[kPixels], Vec (&below)[kPixels], Indices<q...>) {
  if (kEdges && (kColumn < g.column_begin || kColumn >= g.column_end)) return;
  const float* at = p[kColumn / 3] + kColumn % 3 * stride;
  const Vec v = load_part<kFull>(at, m);
  if constexpr (kFetch && kColumn < kPixels * kStride)
    __builtin_prefetch(at + ((kPixels - 1) * kStride + kWidth) * stride);
  if constexpr (kAbove) (depthwise_tap<kColumn, kStride, q>(v, weight_above, above), ...);
  if constexpr (kBelow) (depthwise_tap<kColumn, kStride, q>(v, weight_below, below), ...);
}

// `w` is the row of weights for the row above; that for the row below is the one before it.
template <int kStride, bool kAbove, bool kBelow, bool kFetch, bool kEdges, bool kFull, int kWidth, int kPixels,
          int kPointers, int... j, int... column, int... i>
CYCLOID_INLINE void depthwise_pair_tap_row(const DepthwiseGroup& g, const float* (&p)[kPointers], int64_t stride,
                                           int64_t row_step, const float* w, int64_t weight_stride, Mask m,
                                           Vec (&above)[kPixels], Vec (&below)[kPixels], Indices<j...>,
                                           Indices<column...>, Indices<i...>) {
  const Vec weight_above[kWidth] = {(kAbove ? load(w + j * weight_stride) : zero())...};
  const Vec weight_below[kWidth] = {(kBelow ? load(w + (j - kWidth) * weight_stride) : zero())...};
  (depthwise_pair_column<column, kStride, kAbove, kBelow, kFetch, kEdges, kFull>(
       g, p, stride, weight_above, weight_below, m, above, below, typename IndicesUpTo<kPixels>::List{}),
   ...);
  ((p[i] += row_step), ...);
}

template <int kWidth, int kStride, bool kFetch, bool kEdges, bool kFull, int... q, int... i>
CYCLOID_INLINE void depthwise_pair_vector(const DepthwiseRow& t, const DepthwiseRow& next, const DepthwiseGroup& g,
                                          const float* in, int64_t c, Mask m, Vec lo, Vec hi, Indices<q...>,
                                          Indices<i...>) {
  constexpr int kPixels = sizeof...(q), kColumns = (kPixels - 1) * kStride + kWidth;
  constexpr typename IndicesUpTo<kWidth>::List kTaps{};
  constexpr typename IndicesUpTo<kColumns>::List kEach{};
  constexpr Indices<i...> kPointers{};
  const int64_t stride = t.in_stride, row_step = t.row_step, weight_stride = t.weight_stride;
  const float* p[] = {in + c + 3 * i * stride...};
  const float* w = t.weights + c;
  const Vec bias = load(t.bias + c);
  Vec above[kPixels] = {(static_cast<void>(q), bias)...}, below[kPixels] = {(static_cast<void>(q), bias)...};
  depthwise_pair_tap_row<kStride, true, false, kFetch, kEdges, kFull, kWidth>(g, p, stride, row_step, w, weight_stride,
                                                                              m, above, below, kTaps, kEach, kPointers);
  w += kWidth * weight_stride;
#pragma GCC unroll 1
  for (int row = 1; row < kWidth; ++row, w += kWidth * weight_stride) {
    depthwise_pair_tap_row<kStride, true, true, kFetch, kEdges, kFull, kWidth>(
        g, p, stride, row_step, w, weight_stride, m, above, below, kTaps, kEach, kPointers);
  }
  depthwise_pair_tap_row<kStride, false, true, kFetch, kEdges, kFull, kWidth>(g, p, stride, row_step, w, weight_stride,
                                                                              m, above, below, kTaps, kEach, kPointers);
  depthwise_finish<kEdges, kFull>(t, g, c, m, lo, hi, above, Indices<q...>{});
  depthwise_finish<kEdges, kFull>(next, g, c, m, lo, hi, below, Indices<q...>{});
}

// The group that has pixel x. A last group that has fewer pixels begins with some that are done, so that its windows lie inside
// where they can.
template <int kWidth, int kStride, int kPixels>
CYCLOID_INLINE DepthwiseGroup depthwise_group_at(const DepthwiseRow& t, int64_t x) {
  constexpr int kColumns = (kPixels - 1) * kStride + kWidth;
  const int64_t begin = max_of(t.x_begin, min_of(x, t.x_end - kPixels)), left = begin * kStride - t.pad_left;
  return {begin, static_cast<int>(x - begin), static_cast<int>(min_of(kPixels, t.x_end - begin)),
          static_cast<int>(max_of(0, -left)), static_cast<int>(min_of(kColumns, t.in_w - left))};
}

// A group's channels, a vector at a time; kPair: of two output rows.
template <int kWidth, int kStride, int kPixels, bool kPair, bool kFetch, bool kEdges>
void depthwise_group(const DepthwiseRow& t, const DepthwiseRow& next, const DepthwiseGroup& g) {
  const float* corner = t.in + (g.x * kStride - t.pad_left) * t.in_stride;
  const Vec lo = set1(t.lo), hi = set1(t.hi);
  constexpr typename IndicesUpTo<kPixels>::List kEach{};
  constexpr typename IndicesUpTo<((kPixels - 1) * kStride + kWidth + 2) / 3>::List kPointers{};
  for_each_vector(t.channels, [&]<bool kFull>(int64_t c, Mask m) {
    if constexpr (kPair) {
      depthwise_pair_vector<kWidth, kStride, kFetch, kEdges, kFull>(t, next, g, corner, c, m, lo, hi, kEach, kPointers);
    } else {
      depthwise_vector<kWidth, kStride, kFetch, kEdges, kFull>(t, g, corner, c, m, lo, hi, kEach, kPointers);
    }
  });
}

template <int kWidth, int kStride, int kPixels, bool kPair>
CYCLOID_INLINE void depthwise_groups(const DepthwiseRow& t, const DepthwiseRow& next) {
  constexpr int kColumns = (kPixels - 1) * kStride + kWidth;
  for (int64_t x = t.x_begin; x < t.x_end; x += kPixels) {
    const DepthwiseGroup g = depthwise_group_at<kWidth, kStride, kPixels>(t, x);
    if (g.first > 0 || g.last < kPixels || g.column_begin > 0 || g.column_end < kColumns) {
      depthwise_group<kWidth, kStride, kPixels, kPair, false, true>(t, next, g);
    } else if (kStride == 1 && t.fetch) {
      depthwise_group<kWidth, kStride, kPixels, kPair, kStride == 1, false>(t, next, g);
    } else {
      depthwise_group<kWidth, kStride, kPixels, kPair, false, false>(t, next, g);
    }
  }
}

// kPixels sums, kWidth weights and one input must fit in registers.
template <int kWidth, int kStride, int kPixels>
void depthwise_row(const DepthwiseRow& t) {
  depthwise_groups<kWidth, kStride, kPixels, false>(t, t);
}

// Rows of windows that overlap in all but one of their rows: each input vector is loaded once for both. 2 * kPixels sums, 2 *
// kWidth weights and one input must fit in registers.
template <int kWidth, int kStride, int kPixels>
void depthwise_pair(const DepthwiseRow& t, const DepthwiseRow& next) {
  depthwise_groups<kWidth, kStride, kPixels, true>(t, next);
}

void depthwise_any_row(const DepthwiseRow& t) {
  for (int64_t x = t.x_begin; x < t.x_end; ++x) depthwise_pixel(t, x);
}

// Fewer registers than 32 leave no room for the sums of two rows.
constexpr DepthwisePairFn kPair3 = kVectorRegisters < 32 ? nullptr : depthwise_pair<3, 1, 7>;
constexpr DepthwisePairFn kPair5 = kVectorRegisters < 32 ? nullptr : depthwise_pair<5, 1, 7>;

constexpr DepthwiseBody kDepthwise[] = {
    {3, 1, depthwise_row<3, 1, 7>, kPair3},  {3, 2, depthwise_row<3, 2, 7>, nullptr},
    {5, 1, depthwise_row<5, 1, 7>, kPair5},  {5, 2, depthwise_row<5, 2, 7>, nullptr},
    {7, 1, depthwise_row<7, 1, 7>, nullptr}, {0, 0, depthwise_any_row, nullptr},
};

}  // namespace
}  // namespace cycloid::kernels
