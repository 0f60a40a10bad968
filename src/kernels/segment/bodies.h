// Arguments and per-ISA tables of reductions by segment.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

enum class SegmentKind { kSum, kProduct, kMax, kMin };
inline constexpr int kSegmentKinds = 4;
// More segments than the vector bodies take at once.
inline constexpr int64_t kFewSegments = 16;

// y[k] = reduction of x[i] over the i in [0, count) with ids[i] == first + k, for k in [0, segments); the reduction's
// neutral element where there is none. Other ids are passed over. ids are int64, or int32 for the int32 body. NaN in x makes
// the maximum and the minimum NaN.
struct SegmentArgs {
  const float* x;
  const void* ids;
  int64_t count;
  int64_t first;
  int64_t segments;
  float* y;
};

using SegmentFn = void (*)(const SegmentArgs&);

// By SegmentKind; of at most kFewSegments segments.
struct SegmentBodies {
  SegmentFn int64[kSegmentKinds];
  SegmentFn int32[kSegmentKinds];
};

extern const SegmentBodies segment_bodies_scalar;
extern const SegmentBodies segment_bodies_avx2;
extern const SegmentBodies segment_bodies_avx512;

}  // namespace cycloid::kernels
