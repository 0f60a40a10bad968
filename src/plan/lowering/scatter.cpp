// ScatterElements with a reduction of vectors: sums, products, maxima and minima of segments.
#include <algorithm>
#include <limits>

#include "base/error.h"
#include "kernels/segment/segment.h"
#include "plan/lowering/lowerings.h"

namespace cycloid {
namespace {

using kernels::SegmentArgs;
using kernels::SegmentFn;
using kernels::SegmentKind;

// Elements of a unit of work: their ids and values fit L1 with room to spare, and a unit's results are few beside them.
constexpr std::int64_t kBlock = 2048;

std::optional<SegmentKind> segment_kind(std::string_view reduction) {
  if (reduction == "add") return SegmentKind::kSum;
  if (reduction == "mul") return SegmentKind::kProduct;
  if (reduction == "max") return SegmentKind::kMax;
  if (reduction == "min") return SegmentKind::kMin;
  return {};
}

// The results of each block of elements, side by side.
class SegmentStep final : public Step {
 public:
  SegmentStep(SegmentFn fn, SegmentArgs args, std::int64_t block, Place x, Place ids, Place parts)
      : fn_(fn), args_(args), block_(block), x_(std::move(x)), ids_(std::move(ids)), parts_(std::move(parts)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const auto id_bytes = static_cast<std::int64_t>(size_of(ids_.dtype));
    for (std::int64_t unit = begin; unit < end; ++unit) {
      SegmentArgs args = args_;
      const std::int64_t first = unit * block_;
      args.x = context.at<const float>(x_) + first;
      args.ids = context.at<const std::byte>(ids_) + first * id_bytes;
      args.count = std::min(block_, args_.count - first);
      args.y = context.at<float>(parts_) + unit * args_.segments;
      fn_(args);
    }
  }

 private:
  SegmentFn fn_;
  SegmentArgs args_;
  std::int64_t block_;
  Place x_, ids_, parts_;
};

// y = data joined with the parts, in order.
class JoinStep final : public Step {
 public:
  JoinStep(SegmentKind kind, std::int64_t parts, Place data, Place from, Place to)
      : kind_(kind), parts_(parts), data_(std::move(data)), from_(std::move(from)), to_(std::move(to)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    if (begin == end) return;
    const float* data = context.at<const float>(data_);
    const float* parts = context.at<const float>(from_);
    float* y = context.at<float>(to_);
    const std::int64_t segments = to_.count();
    std::copy_n(data, segments, y);
    for (std::int64_t part = 0; part < parts_; ++part) {
      kernels::join_segments(kind_, parts + part * segments, y, segments);
    }
  }

 private:
  SegmentKind kind_;
  std::int64_t parts_;
  Place data_, from_, to_;
};

std::optional<std::int64_t> constant_int(const Lowering& lowering, ValueId id) {
  const Tensor* tensor = lowering.constant(id);
  if (tensor == nullptr || !is_integer(tensor->dtype()) || tensor->element_count() != 1) return {};
  return to_int64s(*tensor)[0];
}

// Ids brought into [low, high] by a Clip.
struct ClippedIds {
  ValueId ids;
  std::int64_t low = 0, high = 0;
};

std::optional<ClippedIds> clipped_ids(const Lowering& lowering, const Node& node) {
  if (!node.domain.empty() || node.op_type != "Clip" || node.inputs.size() != 3) return {};
  const auto low = constant_int(lowering, node.inputs[1]), high = constant_int(lowering, node.inputs[2]);
  if (!low || !high || *low > *high) return {};
  return ClippedIds{node.inputs[0], *low, *high};
}

// Elements [begin, end) of a vector, as a Slice with constants takes them.
struct Wanted {
  std::int64_t begin = 0, end = 0;
};

std::optional<Wanted> sliced(const Lowering& lowering, const Node& node, std::int64_t size) {
  if (!node.domain.empty() || node.op_type != "Slice" || node.inputs.size() < 3) return {};
  for (std::size_t i = 3; i < node.inputs.size(); ++i) {
    const auto value =
        node.inputs[i].valid() ? constant_int(lowering, node.inputs[i]) : std::optional<std::int64_t>(4 - i);
    if (i == 3 ? value != 0 && value != -1 : value != 1) return {};
  }
  auto begin = constant_int(lowering, node.inputs[1]), end = constant_int(lowering, node.inputs[2]);
  if (!begin || !end) return {};
  const auto bound = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size); };
  const Wanted wanted{bound(*begin), bound(*end)};
  return wanted.begin < wanted.end ? std::optional(wanted) : std::nullopt;
}

// Whether only elements whose id is the number of a wanted segment count for it, with no regard to ids at or beyond the
// bounds, nor to negative ones, which count from the end.
bool bounds_are_unwanted(const ClippedIds& ids, std::int64_t size, const Wanted& wanted) {
  if (ids.low < -size || ids.high >= size) return false;  // an error of the run
  const auto unwanted = [&](std::int64_t id) {
    const std::int64_t segment = id < 0 ? id + size : id;
    return segment < wanted.begin || segment >= wanted.end;
  };
  if (ids.low >= 0) return unwanted(ids.low) && unwanted(ids.high);
  const std::int64_t last_negative = std::min<std::int64_t>(ids.high, -1);
  const bool negatives_unwanted = ids.low + size >= wanted.end || last_negative + size < wanted.begin;
  return negatives_unwanted && unwanted(ids.high);
}

}  // namespace

bool clip_waits_for_scatter(const Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  if (!clipped_ids(lowering, node)) return false;
  const DType dtype = lowering.dtype(node.inputs[0]);
  const NodeId user = lowering.only_user(node.outputs[0]);
  if (!user.valid() || (dtype != DType::kInt64 && dtype != DType::kInt32)) return false;
  const Node& scatter = lowering.graph().node(user);
  return scatter.domain.empty() && scatter.op_type == "ScatterElements" && scatter.inputs[1] == node.outputs[0];
}

Declined lower_scatter_elements(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId data = node.inputs[0], updates = node.inputs[2];
  const Result<std::string> reduction = get_string(node, "reduction", "none");
  const std::optional<SegmentKind> kind = reduction ? segment_kind(*reduction) : std::nullopt;
  if (!kind) return "no reduction";
  if (!lowering.is_float(data)) return "only float32 is native";
  const Dims dims = *lowering.dims(data), count = *lowering.dims(updates);
  if (dims.size() != 1 || *lowering.dims(node.inputs[1]) != count) return "more than one axis";
  const Node* clip = lowering.waiting(node.inputs[1]);
  if (clip == nullptr) return "indices that are not clipped by constants";
  const ClippedIds ids = *clipped_ids(lowering, *clip);

  const NodeId user = lowering.only_user(node.outputs[0]);
  Wanted wanted{0, dims[0]};
  const auto slice = user.valid() ? sliced(lowering, lowering.graph().node(user), dims[0]) : std::nullopt;
  if (slice) wanted = *slice;
  if (!bounds_are_unwanted(ids, dims[0], wanted)) return "the elements at the bounds of the indices are wanted";

  std::vector<NodeId> nodes = {id, lowering.absorb(node.inputs[1])};
  if (slice) nodes.push_back(user);
  SegmentArgs args{.count = count[0], .first = wanted.begin, .segments = wanted.end - wanted.begin};
  // With many segments, their results would outweigh the elements of a block.
  const std::int64_t block = std::max(kBlock, 16 * args.segments), blocks = (args.count + block - 1) / block;
  Place from = lowering.read(data, Layout::kRowMajor);
  from.offset += static_cast<std::size_t>(wanted.begin) * sizeof(float);
  from.dims = {args.segments};
  const Place x = lowering.read(updates, Layout::kRowMajor), index = lowering.read(ids.ids, Layout::kRowMajor);
  const Place parts = lowering.temporary(DType::kFloat32, {blocks, args.segments});
  const Place to = lowering.define(slice ? lowering.graph().node(user).outputs[0] : node.outputs[0], Layout::kRowMajor);

  const SegmentFn fn =
      kernels::segment_kernel(*kind, index.dtype == DType::kInt32, args.segments, lowering.options().isa);
  Lowering::Draft draft;
  draft.nodes = std::move(nodes);
  draft.kernel = args.segments <= kernels::kFewSegments ? "segment.few" : "segment.table";
  draft.reads = {x, index};
  draft.writes = {parts};
  draft.units = blocks;
  draft.flops = static_cast<double>(args.count);
  draft.speed = args.segments <= kernels::kFewSegments ? 0.05 : 0.01;
  lowering.add(std::make_unique<SegmentStep>(fn, args, block, x, index, parts), std::move(draft));
  lowering.add(
      std::make_unique<JoinStep>(*kind, blocks, from, parts, to),
      {.nodes = {id}, .op = "join segments", .kernel = "segment.join", .reads = {from, parts}, .writes = {to}});
  return {};
}

}  // namespace cycloid
