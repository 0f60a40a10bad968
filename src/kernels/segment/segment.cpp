#include "kernels/segment/segment.h"

#include <cmath>
#include <limits>

#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

template <SegmentKind kKind>
float join(float a, float b) {
  if constexpr (kKind == SegmentKind::kSum) return a + b;
  if constexpr (kKind == SegmentKind::kProduct) return a * b;
  if (std::isnan(a) || std::isnan(b)) return a + b;
  if constexpr (kKind == SegmentKind::kMax) return a > b ? a : b;
  return a < b ? a : b;
}

// Segments in a table. Where neighbours have the same id an addition waits for the one before; that is rare with many segments.
template <SegmentKind kKind, class Id>
void table(const SegmentArgs& t) {
  for (int64_t k = 0; k < t.segments; ++k) t.y[k] = segment_start(kKind);
  const Id* ids = static_cast<const Id*>(t.ids);
  for (int64_t i = 0; i < t.count; ++i) {
    const auto k = static_cast<uint64_t>(ids[i]) - static_cast<uint64_t>(t.first);
    if (k < static_cast<uint64_t>(t.segments)) t.y[k] = join<kKind>(t.y[k], t.x[i]);
  }
}

template <class Id>
SegmentFn table_kernel(SegmentKind kind) {
  switch (kind) {
    case SegmentKind::kSum: return table<SegmentKind::kSum, Id>;
    case SegmentKind::kProduct: return table<SegmentKind::kProduct, Id>;
    case SegmentKind::kMax: return table<SegmentKind::kMax, Id>;
    case SegmentKind::kMin: break;
  }
  return table<SegmentKind::kMin, Id>;
}

}  // namespace

SegmentFn segment_kernel(SegmentKind kind, bool narrow, int64_t segments, Isa isa) {
  if (segments > kFewSegments) return narrow ? table_kernel<int32_t>(kind) : table_kernel<int64_t>(kind);
  const SegmentBodies& bodies = CYCLOID_ISA_TABLE(isa, segment_bodies);
  return (narrow ? bodies.int32 : bodies.int64)[static_cast<int>(kind)];
}

float segment_start(SegmentKind kind) {
  switch (kind) {
    case SegmentKind::kSum: return 0;
    case SegmentKind::kProduct: return 1;
    case SegmentKind::kMax: return -std::numeric_limits<float>::infinity();
    case SegmentKind::kMin: break;
  }
  return std::numeric_limits<float>::infinity();
}

void join_segments(SegmentKind kind, const float* x, float* y, int64_t segments) {
  for (int64_t k = 0; k < segments; ++k) {
    switch (kind) {
      case SegmentKind::kSum: y[k] = join<SegmentKind::kSum>(y[k], x[k]); break;
      case SegmentKind::kProduct: y[k] = join<SegmentKind::kProduct>(y[k], x[k]); break;
      case SegmentKind::kMax: y[k] = join<SegmentKind::kMax>(y[k], x[k]); break;
      case SegmentKind::kMin: y[k] = join<SegmentKind::kMin>(y[k], x[k]); break;
    }
  }
}

}  // namespace cycloid::kernels
