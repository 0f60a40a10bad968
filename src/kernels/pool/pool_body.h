// Bodies of bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/pool/bodies.h"
#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

// NaN wins, as in ONNX Runtime and PyTorch: max(a, b) returns b if either is NaN, so a NaN tap enters, and one that is
// already there is kept by the select.
template <bool kMax>
CYCLOID_INLINE Vec pool_join(Vec sum, Vec tap) {
  if constexpr (kMax) return select(is_nan(sum), sum, max(sum, tap));
  return sum + tap;
}

// kVectors vectors of channels of one pixel.
template <bool kMax, int kVectors, bool kFull>
CYCLOID_INLINE void pool_channels(const PoolRow& t, const float* window, int64_t taps, float scale, float* out,
                                  Mask last) {
  Vec sum[kVectors];
  for (int v = 0; v < kVectors; ++v) sum[v] = kMax ? set1(-__builtin_inff()) : zero();
  for (int64_t i = 0; i < t.tap_rows; ++i) {
    const float* p = window + i * t.row_step;
    for (int64_t j = 0; j < taps; ++j, p += t.column_step) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const float* q = p + v * kLanes;
        sum[v] = pool_join<kMax>(sum[v], v + 1 < kVectors ? load(q) : load_part<kFull>(q, last));
      }
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    if (!kMax) sum[v] = sum[v] * set1(scale);
    if (v + 1 < kVectors) {
      store(out + v * kLanes, sum[v]);
    } else {
      store_part<kFull>(out + v * kLanes, sum[v], last);
    }
  }
}

template <bool kMax>
void pool_row(const PoolRow& t) {
  const int64_t span = t.kernel_w * t.dilation_w;
  for (int64_t x = 0; x < t.out_w; ++x) {
    const int64_t left = x * t.stride_w - t.pad_left;
    const int64_t skip = left < 0 ? (-left + t.dilation_w - 1) / t.dilation_w : 0;  // taps before column 0
    const auto taps_before = [&](int64_t end) {                                     // taps at columns below `end`
      return end <= left ? 0 : min_of(t.kernel_w, (min_of(end - left, span) + t.dilation_w - 1) / t.dilation_w);
    };
    const int64_t taps = max_of(0, taps_before(t.in_w) - skip);
    const int64_t counted = taps_before(t.counted_end) - (t.count_padding ? 0 : skip);
    const int64_t count = counted * t.counted_rows;
    const float scale = count > 0 ? 1.0f / static_cast<float>(count) : 0.0f;
    const float* window = t.in + (left + skip * t.dilation_w) * t.pixel_stride;
    float* out = t.out + x * t.out_stride;
    int64_t c = 0;
    for (; c + 4 * kLanes <= t.channels; c += 4 * kLanes) {
      pool_channels<kMax, 4, true>(t, window + c, taps, scale, out + c, first(kLanes));
    }
    for_each_vector(t.channels - c, [&]<bool kFull>(int64_t j, Mask m) {
      pool_channels<kMax, 1, kFull>(t, window + c + j, taps, scale, out + c + j, m);
    });
  }
}

}  // namespace
}  // namespace cycloid::kernels
