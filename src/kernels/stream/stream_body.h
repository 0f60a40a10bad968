#pragma once

#include "kernels/simd.h"
#include "kernels/stream/stream.h"

namespace cycloid::kernels {
namespace {

// Eight sums hide the latency of an addition (4 cycles, two a cycle).
constexpr int kStreamSums = 8;

CYCLOID_INLINE void stream_read(const StreamArgs& args) {
  Vec sums[kStreamSums];
  for (int i = 0; i < kStreamSums; ++i) sums[i] = zero();
  constexpr int64_t kStep = kStreamSums * kLanes;
  for (int64_t at = 0; at < args.count; at += kStep) {
#pragma GCC unroll 8
    for (int i = 0; i < kStreamSums; ++i) sums[i] = sums[i] + load(args.from + at + i * kLanes);
  }
  Vec sum = zero();
  for (int i = 0; i < kStreamSums; ++i) sum = sum + sums[i];
  *args.sink = reduce_add(sum);
}

CYCLOID_INLINE void stream_copy(const StreamArgs& args) {
  constexpr int64_t kStep = kStreamSums * kLanes;
  for (int64_t at = 0; at < args.count; at += kStep) {
    Vec values[kStreamSums];
#pragma GCC unroll 8
    for (int i = 0; i < kStreamSums; ++i) values[i] = load(args.from + at + i * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kStreamSums; ++i) store(args.to + at + i * kLanes, values[i]);
  }
}

}  // namespace
}  // namespace cycloid::kernels
