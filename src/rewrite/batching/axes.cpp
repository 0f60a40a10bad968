// Operators along axes: reductions, normalisations, and what cuts and joins. An axis counted from the front moves by one.
#include <algorithm>
#include <array>

#include "rewrite/batching/batcher.h"
#include "rewrite/batching/rows.h"
#include "rewrite/batching/segments.h"

namespace cycloid {
namespace {

using Ints = std::vector<std::int64_t>;

std::int64_t shifted(std::int64_t axis) { return axis < 0 ? axis : axis + 1; }

std::vector<Patch::Ref> refs_of(const BatchNode& node) {
  std::vector<Patch::Ref> refs;
  for (const Lane* lane : node.inputs) refs.push_back(lane != nullptr ? lane->ref : Patch::Ref::none());
  return refs;
}

// The axes in [0, rank), sorted.
std::optional<Ints> normalized(Ints axes, std::int64_t rank) {
  for (std::int64_t& axis : axes) {
    if (axis < -rank || axis >= rank) return std::nullopt;
    if (axis < 0) axis += rank;
  }
  std::ranges::sort(axes);
  return axes;
}

bool reduce(BatchNode& node) {
  const std::int64_t rank = node.rank(0);
  Ints axes;
  if (node.has(1)) {
    const auto given = node.ints(1);
    if (!given) return false;
    axes = *given;
  }
  const auto keep = get_int(node.node, "keepdims", 1);
  const auto noop = get_int(node.node, "noop_with_empty_axes", 0);
  if (!keep || !noop) return false;
  if (axes.empty()) {
    if (*noop != 0) return false;
    for (std::int64_t i = 0; i < rank; ++i) axes.push_back(i);
  }
  const auto positive = normalized(std::move(axes), rank);
  if (!positive) return false;
  if (reduce_segments(node, *positive, *keep != 0)) return true;
  if (!node.in(0).batched || !node.in(0).exists || positive->empty()) return false;
  Ints moved;
  for (const std::int64_t axis : *positive) moved.push_back(axis + 1);
  node.emit({node.in(0).ref, node.batcher.ints(moved)}, {{"keepdims", *keep}});
  return true;
}

// One axis as an attribute, which counts from the front or from the back.
template <std::int64_t kDefault>
bool along_axis(BatchNode& node) {
  if (!node.only_batched(0) || node.rank(0) == 0) return false;
  const auto axis = get_int(node.node, "axis", kDefault);
  if (!axis) return false;
  Attributes attributes = node.node.attributes;
  attributes.insert_or_assign("axis", shifted(*axis));
  node.emit(refs_of(node), std::move(attributes));
  return true;
}

// The new axis is counted in the result.
bool one_hot(BatchNode& node) {
  const auto axis = get_int(node.node, "axis", -1);
  if (!node.only_batched(0) || !axis) return false;
  node.emit(refs_of(node), {{"axis", shifted(*axis)}});
  return true;
}

bool cumulative(BatchNode& node) {
  const auto axis = node.ints(1);
  if (!node.only_batched(0) || !axis || axis->size() != 1) return false;
  node.emit({node.in(0).ref, node.batcher.patch().constant("axis", Tensor::scalar<std::int64_t>(shifted((*axis)[0])))},
            node.node.attributes);
  return true;
}

bool concat(BatchNode& node) {
  const auto axis = get_int(node.node, "axis", 0);
  if (!axis) return false;
  std::vector<Patch::Ref> refs;
  for (const Lane* lane : node.inputs) refs.push_back(node.batcher.stacked(*lane));
  node.emit(std::move(refs), {{"axis", shifted(*axis)}});
  return true;
}

// The iterations' windows x[start + step * i : ... + size] of a tensor that is the same in every iteration.
bool slice_windows(BatchNode& node) {
  const Lane& x = node.in(0);
  if (x.batched || node.inputs.size() < 3 || !node.in(1).index || !node.in(2).index) return false;
  const AffineIndex from = *node.in(1).index;
  const AffineIndex to = *node.in(2).index;
  const auto axes = node.has(3) ? node.ints(3) : std::optional(Ints{0});
  const auto steps = node.has(4) ? node.ints(4) : std::optional(Ints{1});
  if (!axes || !steps || axes->size() != 1 || *steps != Ints{1}) return false;
  const auto axis = normalized(*axes, node.rank(0));
  const std::int64_t size = to.start - from.start;
  const Dim& trips = node.batcher.trips().count;
  if (!axis || from.step != to.step || size < 1 || from.start < 0 || from.step < 0) return false;
  // Slice cuts at the end of the axis where an index would fail, so the last window must be known to be whole.
  const auto at = static_cast<std::size_t>((*axis)[0]);
  const Dim last = trips * from.step + (from.start - from.step + size);
  const Dim& length = x.shape[at];
  const bool whole = length == last || (length.is_known() && last.is_known() && last.value() <= length.value());
  if (!whole) return false;
  Batcher& b = node.batcher;
  if (size == 1) {
    node.outputs[0].ref = b.unsqueeze(rows_of(b, x, at, from, b.affine(from, DType::kInt64)), {(*axis)[0] + 1});
    return true;
  }
  Ints offsets;
  for (std::int64_t i = 0; i < size; ++i) offsets.push_back(i);
  const auto indices = b.op("Add", {b.unsqueeze(b.affine(from, DType::kInt64), {1}), b.ints(offsets)});
  const auto gathered = b.op("Gather", {x.ref, indices}, {{"axis", (*axis)[0]}});  // x[:at] + [T, size] + x[at+1:]
  node.outputs[0].ref = b.to_front(gathered, at, x.shape.size() + 1);
  return true;
}

bool slice(BatchNode& node) {
  if (!node.only_batched(0)) return slice_windows(node);
  std::optional<Ints> axes;
  if (node.has(3)) {
    axes = node.ints(3);
  } else if (node.in(1).shape.size() == 1 && node.in(1).shape[0].is_known()) {
    axes.emplace();
    for (std::int64_t i = 0; i < node.in(1).shape[0].value(); ++i) axes->push_back(i);
  }
  if (!axes) return false;
  for (std::int64_t& axis : *axes) axis = shifted(axis);
  std::vector<Patch::Ref> refs = refs_of(node);
  if (refs.size() < 4) refs.push_back(Patch::Ref::none());
  refs[3] = node.batcher.ints(*axes);
  node.emit(std::move(refs), node.node.attributes);
  return true;
}

bool pad(BatchNode& node) {
  const auto pads = node.ints(1);
  if (!node.only_batched(0) || !pads) return false;
  std::vector<Patch::Ref> refs = refs_of(node);
  if (node.has(3)) {
    auto axes = node.ints(3);
    if (!axes) return false;
    for (std::int64_t& axis : *axes) axis = shifted(axis);
    refs[3] = node.batcher.ints(*axes);
  } else {
    if (pads->size() != 2 * node.in(0).shape.size()) return false;
    Ints wider = *pads;
    wider.insert(wider.begin() + static_cast<std::ptrdiff_t>(pads->size() / 2), 0);
    wider.insert(wider.begin(), 0);
    refs[1] = node.batcher.ints(wider);
  }
  node.emit(std::move(refs), node.node.attributes);
  return true;
}

// Matrix operators that work on the last two axes whatever stands before.
bool as_it_is(BatchNode& node) {
  if (!node.only_batched(0)) return false;
  node.emit(refs_of(node), node.node.attributes);
  return true;
}

struct Entry {
  std::string_view op_type;
  BatchHandler handler;
};
constexpr std::array kHandlers = std::to_array<Entry>({
    {"ArgMax", along_axis<0>},
    {"ArgMin", along_axis<0>},
    {"Concat", concat},
    {"CumProd", cumulative},
    {"CumSum", cumulative},
    {"Det", as_it_is},
    {"Hardmax", along_axis<-1>},
    {"LayerNormalization", along_axis<-1>},
    {"LogSoftmax", along_axis<-1>},
    {"LpNormalization", along_axis<-1>},
    {"OneHot", one_hot},
    {"Pad", pad},
    {"RMSNormalization", along_axis<-1>},
    {"ReduceL1", reduce},
    {"ReduceL2", reduce},
    {"ReduceLogSum", reduce},
    {"ReduceLogSumExp", reduce},
    {"ReduceMax", reduce},
    {"ReduceMean", reduce},
    {"ReduceMin", reduce},
    {"ReduceProd", reduce},
    {"ReduceSum", reduce},
    {"ReduceSumSquare", reduce},
    {"Slice", slice},
    {"Softmax", along_axis<-1>},
    {"Split", along_axis<0>},
    {"TopK", along_axis<-1>},
    {"Trilu", as_it_is},
});

}  // namespace

BatchHandler axis_batch_handler(std::string_view op_type) {
  const auto* at = std::ranges::find(kHandlers, op_type, &Entry::op_type);
  return at != kHandlers.end() ? at->handler : nullptr;
}

}  // namespace cycloid
