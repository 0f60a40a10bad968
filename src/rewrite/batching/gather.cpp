// Operators that take elements by index.
#include <algorithm>
#include <array>

#include "rewrite/batching/batcher.h"
#include "rewrite/batching/rows.h"
#include "rewrite/batching/segments.h"

namespace cycloid {
namespace {

bool one_element(const Shape& shape) {
  return std::ranges::all_of(shape, [](const Dim& dim) { return dim.is(1); });
}

// The index as [T], for one with one element an iteration.
Patch::Ref index_vector(Batcher& b, const Lane& index) {
  if (index.index) return b.affine(*index.index, index.dtype);
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < index.shape.size(); ++i) axes.push_back(static_cast<std::int64_t>(i) + 1);
  return b.squeeze(index.ref, axes);
}

bool index_in_range(const Batcher& b, const Lane& index, const Dim& size) {
  return index.index && in_range(*index.index, b.trips(), size);
}

// The index's own axes of size 1, put back where the axis was.
Patch::Ref with_index_axes(Batcher& b, const Patch::Ref& rows, std::size_t axis, std::size_t index_rank) {
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < index_rank; ++i) axes.push_back(static_cast<std::int64_t>(axis + i) + 1);
  return b.unsqueeze(rows, axes);
}

// Of a tensor that is the same in every iteration.
bool gather_rows(BatchNode& node, std::size_t axis) {
  Batcher& b = node.batcher;
  const Lane& data = node.in(0);
  const Lane& index = node.in(1);
  Lane& out = node.outputs[0];
  if (!one_element(index.shape)) {
    out.ref = rows_of(b, data, axis, std::nullopt, index.ref, index.shape.size() + 1);
    return index.shape.size() == 1 || axis == 0;  // else the index's axes do not stay together
  }
  const Patch::Ref at = index_vector(b, index);
  const Patch::Ref rows = rows_of(b, data, axis, index.index, at);
  out.ref = with_index_axes(b, rows, axis, index.shape.size());
  if (axis == 0 && index.shape.empty()) {
    out.picked = std::make_shared<Picked>(Picked{.data = data.ref,
                                                 .data_shape = data.shape,
                                                 .at = {at},
                                                 .affine = {index.index},
                                                 .in_range = index_in_range(b, index, data.shape[0])});
  }
  return true;
}

// Of what an earlier Gather picked, or of any other batched tensor.
bool gather_batched(BatchNode& node, std::size_t axis) {
  Batcher& b = node.batcher;
  const Lane& data = node.in(0);
  const Lane& index = node.in(1);
  Lane& out = node.outputs[0];
  if (!index.batched) {
    node.emit({data.ref, index.ref}, {{"axis", static_cast<std::int64_t>(axis) + 1}});
    return true;
  }
  if (one_element(index.shape)) {
    const Patch::Ref at = index_vector(b, index);
    if (axis == 0 && data.picked != nullptr) {
      Picked picked = *data.picked;
      picked.in_range = picked.in_range && index_in_range(b, index, data.shape[0]);
      picked.at.push_back(at);
      picked.affine.push_back(index.index);
      out.ref = with_index_axes(b, picked_of(b, picked), 0, index.shape.size());
      if (index.shape.empty()) out.picked = std::make_shared<Picked>(std::move(picked));
      return true;
    }
    std::vector<std::int64_t> permutation{0, static_cast<std::int64_t>(axis) + 1};
    for (std::int64_t i = 1; i <= node.rank(0); ++i) {
      if (i != permutation[1]) permutation.push_back(i);
    }
    const auto rows = b.op("GatherND", {b.transpose(data.ref, std::move(permutation)), b.unsqueeze(at, {1})},
                           {{"batch_dims", std::int64_t{1}}});
    out.ref = with_index_axes(b, rows, axis, index.shape.size());
    return true;
  }
  if (axis != 0) return false;
  const auto last = static_cast<std::int64_t>(index.shape.size()) + 1;
  out.ref = b.op("GatherND", {data.ref, b.unsqueeze(index.ref, {last})}, {{"batch_dims", std::int64_t{1}}});
  return true;
}

bool gather(BatchNode& node) {
  const auto axis_given = get_int(node.node, "axis", 0);
  if (!axis_given) return false;
  const std::int64_t rank = node.rank(0);
  const std::int64_t axis = *axis_given < 0 ? *axis_given + rank : *axis_given;
  if (axis < 0 || axis >= rank) return false;
  if (!node.in(0).exists) return false;
  if (!node.in(1).exists) return axis == 0 && select_places(node, node.in(0), node.in(1), false);
  return node.in(0).batched ? gather_batched(node, static_cast<std::size_t>(axis))
                            : gather_rows(node, static_cast<std::size_t>(axis));
}

bool gather_nd(BatchNode& node) {
  const auto batch = get_int(node.node, "batch_dims", 0);
  if (!batch || !node.in(0).exists) return false;
  if (!node.in(1).exists) return *batch == 0 && select_places(node, node.in(0), node.in(1), true);
  Batcher& b = node.batcher;
  if (!node.in(0).batched && *batch == 0) {  // one table for all iterations
    node.emit({node.in(0).ref, node.in(1).ref}, {});
    return true;
  }
  node.emit({b.stacked(node.in(0)), b.stacked(node.in(1))}, {{"batch_dims", *batch + 1}});
  return true;
}

template <std::size_t kInputs>
bool elements(BatchNode& node) {
  const auto axis = get_int(node.node, "axis", 0);
  if (!axis) return false;
  std::vector<Patch::Ref> refs;
  for (std::size_t i = 0; i < kInputs; ++i) refs.push_back(node.batcher.stacked(node.in(i)));
  Attributes attributes = node.node.attributes;
  attributes.insert_or_assign("axis", *axis < 0 ? *axis : *axis + 1);
  node.emit(std::move(refs), std::move(attributes));
  return true;
}

}  // namespace

BatchHandler gather_batch_handler(std::string_view op_type) {
  if (op_type == "Gather") return gather;
  if (op_type == "GatherND") return gather_nd;
  if (op_type == "GatherElements") return elements<2>;
  if (op_type == "ScatterElements") return elements<3>;
  if (op_type == "Compress") return compress_segments;
  if (op_type == "NonZero") return places_of_segments;
  return nullptr;
}

}  // namespace cycloid
