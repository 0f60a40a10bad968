// Lane: what a value of a loop's body is over all iterations at once.
#pragma once

#include <memory>
#include <optional>

#include "rewrite/patch.h"
#include "tensor/dim.h"

namespace cycloid {

// A value of which iteration i holds start + step * i, in one element.
struct AffineIndex {
  std::int64_t start = 0;
  std::int64_t step = 1;
};

// data[at[0], at[1], ..., :], where at[k] is a batched index of one element an iteration: what Gathers of Gathers pick.
struct Picked {
  Patch::Ref data = Patch::Ref::none();
  Shape data_shape;
  std::vector<Patch::Ref> at;                      // each [T]
  std::vector<std::optional<AffineIndex>> affine;  // of each, where it is one
  bool in_range = true;                            // all known to be in [0, size)
};

// ids == i, for i from 0 on: which elements belong to segment i. Shape [n] or [n, 1, ...].
struct SegmentMask {
  Patch::Ref ids = Patch::Ref::none();  // [n], int32 or int64, the same in every iteration
  DType ids_dtype = DType::kInt64;
  Dim count;  // n
};

// The elements x[n, ...] of segment i, others left out or replaced by `fill`.
struct SegmentSelection {
  SegmentMask mask;
  Patch::Ref x = Patch::Ref::none();
  DType dtype = DType::kFloat32;
  Shape shape;                 // of x
  std::optional<double> fill;  // nullopt: left out
  bool by_product = false;     // made by multiplying with 0 and 1: spreads NaN and infinities of other segments
};

struct Lane {
  Patch::Ref ref = Patch::Ref::none();  // uniform: the value; batched: all iterations' values along a new first axis
  bool batched = false;
  bool exists = true;  // false: `ref` cannot be made, only what `selection` or `places` allows
  ValueId shape_of;    // of the outer graph: has this value's shape in every iteration
  DType dtype = DType::kUndefined;
  Shape shape;                     // of one iteration's value
  std::optional<Tensor> constant;  // of a uniform value
  std::optional<AffineIndex> index;
  std::shared_ptr<const Picked> picked;
  std::shared_ptr<const SegmentMask> mask;    // a bool
  std::shared_ptr<const SegmentMask> weight;  // the same as 0 and 1
  std::shared_ptr<const SegmentMask> places;  // where the mask is true, as NonZero says it: [1, k], [k, 1] or [k]
  std::shared_ptr<const SegmentSelection> selection;
};

}  // namespace cycloid
