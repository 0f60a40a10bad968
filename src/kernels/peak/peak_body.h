#pragma once

#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

constexpr int kPeakChains = 12;  // two pipes of 5 cycles' latency would need 10

template <int kChains>
CYCLOID_INLINE int64_t multiply_adds(int64_t steps, float* sink) {
  Vec acc[kChains];
  for (int i = 0; i < kChains; ++i) acc[i] = set1(static_cast<float>(i));
  Vec x = set1(*sink), y = set1(0.5f);
  for (int64_t s = 0; s < steps; ++s) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) acc[i] = fma(acc[i], x, y);
  }
  Vec sum = zero();
  for (int i = 0; i < kChains; ++i) sum = sum + acc[i];
  *sink = reduce_add(sum);
  return steps * kChains * kLanes * 2;
}

}  // namespace
}  // namespace cycloid::kernels
