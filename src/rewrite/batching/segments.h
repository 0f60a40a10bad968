// Segment reductions: what a loop over segments selects by `ids == i` and reduces becomes one scatter over all elements.
//
//   sum_n where(ids[n] == i, x[n], 0) for i in [0, T)  =>  scatter_add(zeros(T), ids, x)
//
// Ids outside [0, T) are in no segment: Clip brings them to -1 or T, and both land in places that are cut off again.
#pragma once

#include "rewrite/batching/batcher.h"

namespace cycloid {

// How the elements of a segment are put together.
enum class SegmentReduction { kSum, kMean, kMax, kMin, kProduct };

struct SegmentScatter {
  Patch::Ref ids = Patch::Ref::none();  // [n]
  DType ids_dtype = DType::kInt64;
  Patch::Ref x = Patch::Ref::none();  // [n, ...]
  DType dtype = DType::kFloat32;
  Shape shape;  // of x
  SegmentReduction reduction = SegmentReduction::kSum;
};

// One value a segment for the segments 0 to T - 1, [T, the axes of x behind the first]. Nullopt: not for this dtype.
std::optional<Patch::Ref> scatter_segments(Batcher& batcher, const SegmentScatter& scatter);

// The reduction an operator is, if it is one of those above.
std::optional<SegmentReduction> segment_reduction(std::string_view op_type);

// What `fill` must be so that elements outside the segment do not count; nullopt: any fill counts (a mean).
std::optional<double> neutral_element(SegmentReduction reduction, DType dtype);

// 1 as a scalar of this dtype; nullopt for dtypes that no scatter is made of.
std::optional<Tensor> one_of(DType dtype);

// Handlers: false where the lanes hold no segments, and the ordinary handler must do.
bool reduce_segments(BatchNode& node, const std::vector<std::int64_t>& axes, bool keep_dims);
bool compress_segments(BatchNode& node);
bool places_of_segments(BatchNode& node);
// data at the places of a mask; by rows of places (as GatherND takes them) or a list (as Gather does).
bool select_places(BatchNode& node, const Lane& data, const Lane& places, bool as_rows);

}  // namespace cycloid
