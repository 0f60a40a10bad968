// Reductions by segment: each element belongs to the segment that an index names, as in a scatter with a reduction.
//
// A kernel is a function pointer, chosen once at plan time. Few segments have an accumulator of a vector each, to which the
// elements are added under a mask; more have an element of a table. Work is split by passing parts of the elements, each with
// a `y` of its own; join_segments() joins two.
#pragma once

#include "base/cpu.h"
#include "kernels/segment/bodies.h"

namespace cycloid::kernels {

// For this number of segments and ids of int64, or int32 where `narrow`.
SegmentFn segment_kernel(SegmentKind kind, bool narrow, int64_t segments, Isa isa);

// The reduction of no elements.
float segment_start(SegmentKind kind);

// y[k] = y[k] joined with x[k].
void join_segments(SegmentKind kind, const float* x, float* y, int64_t segments);

}  // namespace cycloid::kernels
