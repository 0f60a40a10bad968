// Reductions over axes: what the Reduce operators have in common, and their list.
#pragma once

#include <optional>
#include <vector>

#include "ops/op_list.h"

namespace cycloid {

// The Reduce operators' attributes and where their axes come from (input 1).
struct ReduceAttributes {
  bool keep_dims = true;
  bool noop_with_empty_axes = false;

  static Result<ReduceAttributes> parse(const Node& node);
  // The axes to reduce, normalised and sorted; `axes` nullopt or empty: all, or none where noop_with_empty_axes.
  Result<std::vector<std::int64_t>> axes(const std::optional<std::vector<std::int64_t>>& axes, std::size_t rank) const;
};

// The offsets, in row-major order, of the elements of the sub-box of a tensor that the sorted `axes` span (`inside`), or that
// the other axes span, with index 0 along the rest.
std::vector<std::int64_t> offsets_along(const Dims& dims, const std::vector<std::int64_t>& axes, bool inside);

void add_reduction_ops(OpList& list);

}  // namespace cycloid
