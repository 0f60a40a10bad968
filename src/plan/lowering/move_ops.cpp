// Transpose, Slice, Split: elements that only move, or do not even move.
#include <algorithm>
#include <numeric>

#include "kernels/move/move.h"
#include "plan/lowering/concat.h"
#include "plan/lowering/loops.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/move_steps.h"

namespace cycloid {
namespace {

std::int64_t product(const Dims& dims, std::size_t begin, std::size_t end) {
  std::int64_t count = 1;
  for (std::size_t i = begin; i < end; ++i) count *= dims[i];
  return count;
}

// [begin, begin + size) of one axis of x is y. A view where the memory allows it, else a copy.
void add_part(Lowering& lowering, NodeId id, ValueId x, ValueId y, std::size_t axis, std::int64_t begin) {
  const auto size = static_cast<std::int64_t>(size_of(lowering.dtype(x)));
  const Dims to_dims = *lowering.dims(y);
  if (axis == 1 && lowering.layout_of(x) == Layout::kChannelsLast) {
    Place part = lowering.read(x, Layout::kChannelsLast);
    part.offset += static_cast<std::size_t>(begin * size);
    part.dims = to_dims;
    lowering.alias(y, part);
    return;
  }
  const Place from = lowering.read(x, Layout::kRowMajor);
  const std::int64_t rows = product(from.dims, 0, axis), inner = product(from.dims, axis + 1, from.dims.size()) * size;
  if (rows == 1) {
    Place part = from;
    part.offset += static_cast<std::size_t>(begin * inner);
    part.dims = to_dims;
    lowering.alias(y, part);
    return;
  }
  const Place to = lowering.define(y, Layout::kRowMajor);
  add_rows_move(lowering,
                {.from = from,
                 .to = to,
                 .from_offset = begin * inner,
                 .from_stride = from.dims[axis] * inner,
                 .to_stride = to_dims[axis] * inner,
                 .rows = rows,
                 .bytes = to_dims[axis] * inner},
                {id}, "");
}

std::optional<std::vector<std::int64_t>> constant_ints(const Lowering& lowering, const Node& node, std::size_t i) {
  if (i >= node.inputs.size() || !node.inputs[i].valid()) return {};
  const Tensor* tensor = lowering.constant(node.inputs[i]);
  if (tensor == nullptr || !is_integer(tensor->dtype())) return {};
  return to_int64s(*tensor);
}

// Whether the kernel takes the rank and the size of the elements.
bool can_permute(const Lowering& lowering, ValueId id) {
  const std::size_t size = size_of(lowering.dtype(id));
  return lowering.dims(id)->size() <= kernels::kMaxPermuteRank && size <= 8 && (size & (size - 1)) == 0;
}

}  // namespace

Declined lower_transpose(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  const Dims from_dims = *lowering.dims(x), to_dims = *lowering.dims(y);
  std::vector<std::int64_t> reversed(from_dims.size());
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  const Result<std::vector<std::int64_t>> order = get_ints(node, "perm", reversed);
  if (!order || order->size() != from_dims.size()) return "a permutation of another rank";
  const bool image = from_dims.size() == 4 && size_of(lowering.dtype(x)) <= 8;
  if (image && *order == std::vector<std::int64_t>{0, 2, 3, 1} && lowering.layout_of(x) == Layout::kChannelsLast) {
    Place place = lowering.read(x, Layout::kChannelsLast);
    if (place.dense()) {
      place.layout = Layout::kRowMajor;
      place.pixel_stride = 0;
      place.dims = to_dims;
      lowering.alias(y, place);
      return {};
    }
  }
  if (image && *order == std::vector<std::int64_t>{0, 3, 1, 2}) {
    Place place = lowering.read(x, Layout::kRowMajor);
    place.layout = Layout::kChannelsLast;
    place.pixel_stride = to_dims[1];
    place.dims = to_dims;
    lowering.alias(y, place);
    return {};
  }
  const Place from = lowering.read(x, Layout::kRowMajor);
  // Probed before the output is defined: a reason must leave nothing behind.
  if (!can_permute(lowering, x)) return "a rank or element size that the kernel has not";
  const Place to = lowering.define(y, Layout::kRowMajor);
  const Declined reason = add_permute(lowering, from, to, *order, {id});
  CYCLOID_CHECK(reason.empty());
  return {};
}

Declined lower_slice(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  const Dims from = *lowering.dims(x), to = *lowering.dims(y);
  const auto starts = constant_ints(lowering, node, 1);
  if (!starts) return lower_by_amounts(lowering, id);
  std::vector<std::int64_t> axes(starts->size()), steps(starts->size(), 1);
  std::iota(axes.begin(), axes.end(), 0);
  const auto optional_ints = [&](std::size_t i, std::vector<std::int64_t>& values) {
    if (i >= node.inputs.size() || !node.inputs[i].valid()) return true;
    const auto given = constant_ints(lowering, node, i);
    if (given && given->size() == starts->size()) values = *given;
    return given.has_value() && given->size() == starts->size();
  };
  if (!optional_ints(3, axes) || !optional_ints(4, steps)) return lower_by_amounts(lowering, id);
  // Of each axis: where it begins, and how far it goes each time.
  std::vector<std::int64_t> begins(from.size(), 0), each(from.size(), 1);
  std::vector<std::size_t> cut;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis =
        static_cast<std::size_t>(axes[i] < 0 ? axes[i] + static_cast<std::int64_t>(from.size()) : axes[i]);
    if (axis >= from.size()) return "an axis beyond the rank";
    if (steps[i] == 1 && from[axis] == to[axis]) continue;  // all of it
    cut.push_back(axis);
    const std::int64_t start = (*starts)[i] < 0 ? (*starts)[i] + from[axis] : (*starts)[i];
    begins[axis] = std::clamp<std::int64_t>(start, 0, steps[i] > 0 ? from[axis] : from[axis] - 1);
    each[axis] = to[axis] == 1 ? 1 : steps[i];  // with one element, the step may be anything
  }
  if (cut.empty()) {
    lowering.alias(y, lowering.read(x));
    return {};
  }
  if (cut.size() == 1 && each[cut[0]] == 1) {
    add_part(lowering, id, x, y, cut[0], begins[cut[0]]);
    return {};
  }
  if (!can_permute(lowering, x)) return "a rank or element size that the kernel has not";
  Place source = lowering.read(x, Layout::kRowMajor);
  std::vector<std::int64_t> strides = strides_of(source);
  for (std::size_t i = 0; i < strides.size(); ++i) {
    source.offset += static_cast<std::size_t>(begins[i] * strides[i]) * size_of(source.dtype);
    strides[i] *= each[i];
  }
  source.dims = to;
  add_strided_move(lowering, source, strides, lowering.define(y, Layout::kRowMajor), {id});
  return {};
}

Declined lower_split(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  const Dims dims = *lowering.dims(x);
  const Result<std::int64_t> axis = get_int(node, "axis", 0);
  if (!axis) return axis.error().message();
  const auto at = static_cast<std::size_t>(*axis < 0 ? *axis + static_cast<std::int64_t>(dims.size()) : *axis);
  if (at >= dims.size()) return "an axis beyond the rank";
  // A part that nobody wants still has its size; only the outputs that are there tell the others' places.
  for (const ValueId output : node.outputs) {
    if (!output.valid()) return "a part that is not wanted";
  }
  std::int64_t begin = 0;
  for (const ValueId output : node.outputs) {
    add_part(lowering, id, x, output, at, begin);
    begin += (*lowering.dims(output))[at];
  }
  return {};
}

}  // namespace cycloid
