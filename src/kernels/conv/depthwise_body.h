// Bodies of depthwise.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/conv/depthwise.h"
#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

template <bool kFull>
CYCLOID_INLINE void depthwise_store(const DepthwiseRow& t, int64_t x, int64_t c, Vec sum, Mask m) {
  if (t.residual != nullptr) sum = sum + load_part<kFull>(t.residual + x * t.residual_stride + c, m);
  store_part<kFull>(t.out + x * t.out_stride + c, min(set1(t.hi), max(set1(t.lo), sum)), m);
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
    depthwise_store<kFull>(t, x, c, sum, m);
  });
}

// kPixels neighbouring pixels whose windows are inside: each input vector is loaded once for all windows that hold it.
template <int kWidth, int kStride, int kPixels, bool kFetch>
CYCLOID_INLINE void depthwise_group(const DepthwiseRow& t, int64_t x) {
  constexpr int kColumns = (kPixels - 1) * kStride + kWidth;
  const float* corner = t.in + (x * kStride - t.pad_left) * t.in_stride;
  for_each_vector(t.channels, [&]<bool kFull>(int64_t c, Mask m) {
    Vec sum[kPixels];
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) sum[p] = load(t.bias + c);
    const float* in = corner + c;
    const float* w = t.weights + c;
    for (int64_t i = 0; i < t.tap_rows; ++i, in += t.row_step, w += kWidth * t.weight_stride) {
      Vec weight[kWidth];
#pragma GCC unroll 8
      for (int j = 0; j < kWidth; ++j) weight[j] = load(w + j * t.weight_stride);
#pragma GCC unroll 24
      for (int column = 0; column < kColumns; ++column) {
        const Vec v = load_part<kFull>(in + column * t.in_stride, m);
        // The next group's new pixel in this column: with many channels the lines of a row are far apart, and come in an order
        // that the processor's own prefetchers do not see through.
        if (kFetch && column < kPixels * kStride) __builtin_prefetch(in + (column + kColumns) * t.in_stride);
#pragma GCC unroll 8
        for (int p = 0; p < kPixels; ++p) {
          const int j = column - p * kStride;
          if (j >= 0 && j < kWidth) sum[p] = fma(v, weight[j], sum[p]);
        }
      }
    }
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) depthwise_store<kFull>(t, x + p, c, sum[p], m);
  });
}

template <int kWidth, int kStride, int kPixels, bool kFetch>
CYCLOID_INLINE void depthwise_groups(const DepthwiseRow& t) {
  // Pixels from `inside` on and before `inside_end` have windows that do not cross an edge.
  const int64_t inside = max_of(t.x_begin, (t.pad_left + kStride - 1) / kStride);
  const int64_t room = t.in_w + t.pad_left - kWidth;
  const int64_t inside_end = min_of(t.x_end, room < 0 ? 0 : room / kStride + 1);
  int64_t x = t.x_begin;
  for (; x < min_of(inside, t.x_end); ++x) depthwise_pixel(t, x);
  for (; x + kPixels <= inside_end; x += kPixels) depthwise_group<kWidth, kStride, kPixels, kFetch>(t, x);
  for (; x + 2 <= inside_end; x += 2) depthwise_group<kWidth, kStride, 2, false>(t, x);
  for (; x < t.x_end; ++x) depthwise_pixel(t, x);
}

// kPixels sums, kWidth weights and one input must fit in registers.
template <int kWidth, int kStride, int kPixels>
void depthwise_row(const DepthwiseRow& t) {
  if (kStride == 1 && t.fetch) {
    depthwise_groups<kWidth, kStride, kPixels, kStride == 1>(t);
  } else {
    depthwise_groups<kWidth, kStride, kPixels, false>(t);
  }
}

void depthwise_any_row(const DepthwiseRow& t) {
  for (int64_t x = t.x_begin; x < t.x_end; ++x) depthwise_pixel(t, x);
}

constexpr DepthwiseBody kDepthwise[] = {
    {3, 1, depthwise_row<3, 1, 7>}, {3, 2, depthwise_row<3, 2, 7>}, {5, 1, depthwise_row<5, 1, 7>},
    {5, 2, depthwise_row<5, 2, 7>}, {7, 1, depthwise_row<7, 1, 7>}, {0, 0, depthwise_any_row},
};

}  // namespace
}  // namespace cycloid::kernels
