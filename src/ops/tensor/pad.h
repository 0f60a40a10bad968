// Pad: a tensor with a border, or with negative pads without one.
#pragma once

#include "ops/op.h"

namespace cycloid {

enum class PadMode { kConstant, kReflect, kEdge, kWrap };

struct PadAttributes {
  PadMode mode = PadMode::kConstant;

  static Result<PadAttributes> parse(const Node& node);
};

// The pads of every axis of a tensor of `rank` from the inputs pads and axes (nullptr: all axes): begins, then ends.
Result<Dims> pads_of_all_axes(const std::vector<std::int64_t>& pads, const std::vector<std::int64_t>* axes,
                              std::size_t rank);

// The dims of the result; `pads` are those of every axis.
Result<Dims> padded_dims(const Dims& dims, const Dims& pads);

// For each element along an axis of the output: its source along the axis of `size` elements, -1 where it is the constant.
Result<std::vector<std::int64_t>> axis_sources(std::int64_t size, std::int64_t begin, std::int64_t end, PadMode mode);

extern const Op kPad;

}  // namespace cycloid
