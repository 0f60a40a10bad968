// The sliding window that convolutions and pooling have in common: its attributes, and what follows from them.
#pragma once

#include <cstdint>
#include <vector>

#include "cycloid/result.h"
#include "graph/graph.h"
#include "tensor/dim.h"

namespace cycloid {

enum class AutoPad { kNotSet, kSameUpper, kSameLower, kValid };

// A window over concrete sizes, every default filled in. One element a spatial axis in each list.
struct Window {
  Dims kernel;
  Dims strides;
  Dims dilations;
  Dims pads_begin;
  Dims pads_end;
  Dims output;  // the spatial sizes of the output

  // The input's extent of one window along an axis: (kernel - 1) * dilation + 1.
  std::int64_t extent(std::size_t axis) const { return (kernel[axis] - 1) * dilations[axis] + 1; }
};

// The attributes kernel_shape, strides, dilations, pads, auto_pad and ceil_mode, as the node has them: a list that is
// absent is empty.
struct WindowAttributes {
  AutoPad auto_pad = AutoPad::kNotSet;
  Dims kernel_shape;  // sizes >= 1
  Dims strides;       // >= 1
  Dims dilations;     // >= 1
  Dims pads;          // >= 0; begin of each axis, then end of each
  bool ceil_mode = false;

  static Result<WindowAttributes> parse(const Node& node);

  // An error where a list does not have one element a spatial axis (pads: two).
  Status check_rank(std::size_t spatial_rank) const;
  std::int64_t stride(std::size_t axis) const { return strides.empty() ? 1 : strides[axis]; }
  std::int64_t dilation(std::size_t axis) const { return dilations.empty() ? 1 : dilations[axis]; }
  std::int64_t pad_begin(std::size_t axis) const { return pads.empty() ? 0 : pads[axis]; }
  std::int64_t pad_end(std::size_t axis) const { return pads.empty() ? 0 : pads[axis + pads.size() / 2]; }

  // The spatial sizes of the output for these of the input, known or symbolic. Errors: wrong ranks, a kernel that is
  // larger than the padded input, sizes that leave int64.
  Result<Shape> output_shape(const Shape& input, const Dims& kernel) const;
  // Everything for concrete sizes. Errors as above.
  Result<Window> resolve(const Dims& input, const Dims& kernel) const;
};

// Sizes from 1 up, bounded so that sums and products of a few of them stay within int64.
Status check_sizes(const Dims& sizes, std::int64_t least, std::string_view what);

}  // namespace cycloid
