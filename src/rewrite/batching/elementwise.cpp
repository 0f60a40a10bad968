// Operators that compute each output element from the elements at the same place of the broadcast inputs.
#include "rewrite/elementwise.h"

#include <algorithm>
#include <cmath>

#include "rewrite/batching/batcher.h"
#include "rewrite/sizes.h"

namespace cycloid {
namespace {

std::optional<std::int64_t> scalar_int(const Lane& lane) {
  if (!lane.constant || lane.constant->element_count() != 1 || !is_integer(lane.constant->dtype())) return std::nullopt;
  return to_int64s(*lane.constant)[0];
}

std::optional<double> scalar_number(const Lane& lane) {
  if (!lane.constant || lane.constant->element_count() != 1) return std::nullopt;
  if (lane.constant->dtype() == DType::kFloat32) return lane.constant->data<float>()[0];
  if (lane.constant->dtype() == DType::kFloat64) return lane.constant->data<double>()[0];
  const auto number = scalar_int(lane);
  return number ? std::optional(static_cast<double>(*number)) : std::nullopt;
}

// start + step * i stays of that form under sums and products with constants. Small numbers only: no overflow to mind.
std::optional<AffineIndex> affine_result(const BatchNode& node) {
  constexpr std::int64_t kSmall = std::int64_t{1} << 31;
  if (node.node.op_type == "Cast") {
    const DType to = node.outputs[0].dtype;
    return to == DType::kInt64 || to == DType::kInt32 ? node.in(0).index : std::nullopt;
  }
  if (node.inputs.size() != 2 || !node.has(0) || !node.has(1)) return std::nullopt;
  const std::string& type = node.node.op_type;
  const bool first = node.in(0).index.has_value();
  const auto& index = first ? node.in(0).index : node.in(1).index;
  const auto number = scalar_int(node.in(first ? 1 : 0));
  if (!index || !number || std::abs(*number) > kSmall) return std::nullopt;
  std::optional<AffineIndex> result = index;
  if (type == "Add") {
    result->start += *number;
  } else if (type == "Sub" && first) {
    result->start -= *number;
  } else if (type == "Sub") {
    result = AffineIndex{*number - index->start, -index->step};
  } else if (type == "Mul") {
    result = AffineIndex{index->start * *number, index->step * *number};
  } else {
    return std::nullopt;
  }
  return std::abs(result->start) <= kSmall && std::abs(result->step) <= kSmall ? result : std::nullopt;
}

// ids == i, where ids are the same in every iteration.
void note_mask(BatchNode& node) {
  for (const std::size_t i : {0U, 1U}) {
    const Lane& ids = node.in(i);
    const Lane& index = node.in(1 - i);
    if (ids.batched || !index.index || index.index->start != 0 || index.index->step != 1) continue;
    if (ids.shape.size() != 1 || index.shape.size() > 1) continue;
    if (ids.dtype != DType::kInt64 && ids.dtype != DType::kInt32) continue;
    node.outputs[0].mask =
        std::make_shared<SegmentMask>(SegmentMask{.ids = ids.ref, .ids_dtype = ids.dtype, .count = ids.shape[0]});
  }
}

// x has one element, or row, for each of the mask's ids, and the mask reaches over all of it.
bool covers(const SegmentMask& mask, const Lane& mask_lane, const Lane& x) {
  if (x.batched || !x.exists || x.shape.empty() || x.shape.size() != mask_lane.shape.size()) return false;
  return x.shape[0] == mask.count;
}

void note_selection(BatchNode& node) {
  const std::string& type = node.node.op_type;
  const auto note = [&](const SegmentMask& mask, const Lane& mask_lane, const Lane& x, double fill, bool by_product) {
    if (!covers(mask, mask_lane, x)) return;
    node.outputs[0].selection = std::make_shared<SegmentSelection>(SegmentSelection{
        .mask = mask, .x = x.ref, .dtype = x.dtype, .shape = x.shape, .fill = fill, .by_product = by_product});
  };
  if (type == "Where" && node.in(0).mask) {
    const auto fill = scalar_number(node.in(2));
    if (fill) note(*node.in(0).mask, node.in(0), node.in(1), *fill, false);
  }
  if (type == "Mul") {
    for (const std::size_t i : {0U, 1U}) {
      if (node.in(i).weight) note(*node.in(i).weight, node.in(i), node.in(1 - i), 0, true);
    }
  }
}

bool elementwise(BatchNode& node) {
  std::size_t rank = 0;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.has(i)) rank = std::max(rank, node.in(i).shape.size());
  }
  std::vector<Patch::Ref> refs;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    refs.push_back(node.has(i) ? node.batcher.aligned(node.in(i), rank) : Patch::Ref::none());
  }
  node.emit(std::move(refs), node.node.attributes);
  Lane& out = node.outputs[0];
  const std::string& type = node.node.op_type;
  out.index = affine_result(node);
  if (type == "Equal") note_mask(node);
  if (type == "Cast" && node.in(0).mask) out.weight = node.in(0).mask;
  note_selection(node);
  return true;
}

// Dropout is an Identity outside training.
bool identity(BatchNode& node) {
  if (node.node.op_type == "Dropout") {
    if (node.inputs.size() > 2 && node.has(2)) return false;
    for (std::size_t i = 1; i < node.node.outputs.size(); ++i) {
      if (node.node.outputs[i].valid() && !node.batcher.body().is_dead(node.node.outputs[i])) return false;
    }
  }
  node.outputs[0] = node.in(0);
  return true;
}

// A batched first input alone.
bool clip(BatchNode& node) {
  if (!node.only_batched(0)) return false;
  std::vector<Patch::Ref> refs;
  for (const Lane* lane : node.inputs) refs.push_back(lane != nullptr ? lane->ref : Patch::Ref::none());
  node.emit(std::move(refs), node.node.attributes);
  return true;
}

}  // namespace

BatchHandler elementwise_batch_handler(std::string_view op_type) {
  if (op_type == "Identity" || op_type == "Dropout") return identity;
  if (op_type == "Clip") return clip;
  return is_elementwise(op_type) ? elementwise : nullptr;
}

}  // namespace cycloid
