// reshape(transpose(reshape(x, [n, g, c / g, ...]), [0, 2, 1, ...]), dims(x))  =>  one permutation of each pixel's channels
// with g = 2 and x = concat(a, b), halves                                        =>  the channels of a and b in turns
// gather(reshape(transpose(reshape(x, [n * c / 2, 2, ...]), [1, 0, 2]), [2, n, c / 2, ...]), 0), and the same of 1
//                                                                                =>  every second channel, and the others
#include <algorithm>
#include <array>
#include <optional>

#include "kernels/interleave/interleave.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/move_steps.h"

namespace cycloid {
namespace {

class InterleaveStep final : public Step {
 public:
  InterleaveStep(kernels::InterleaveFn fn, Place a, Place b, Place to)
      : fn_(fn), a_(std::move(a)), b_(std::move(b)), to_(std::move(to)) {
    // About 16 KiB of the output a unit.
    each_ = std::max<std::int64_t>(1, 4096 / to_.channels());
  }
  std::int64_t units() const { return (to_.pixels() + each_ - 1) / each_; }
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const std::int64_t first = begin * each_;
    fn_({.a = context.at<const float>(a_) + first * a_.pixel_stride,
         .a_stride = a_.pixel_stride,
         .b = context.at<const float>(b_) + first * b_.pixel_stride,
         .b_stride = b_.pixel_stride,
         .out = context.at<float>(to_) + first * to_.pixel_stride,
         .out_stride = to_.pixel_stride,
         .rows = std::min(end * each_, to_.pixels()) - first,
         .columns = a_.channels()});
  }

 private:
  kernels::InterleaveFn fn_;
  Place a_, b_, to_;
  std::int64_t each_ = 1;
};

class SeparateStep final : public Step {
 public:
  SeparateStep(kernels::SeparateFn fn, Place from, Place a, Place b)
      : fn_(fn), from_(std::move(from)), a_(std::move(a)), b_(std::move(b)) {
    each_ = std::max<std::int64_t>(1, 4096 / from_.channels());
  }
  std::int64_t units() const { return (from_.pixels() + each_ - 1) / each_; }
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const std::int64_t first = begin * each_;
    fn_({.in = context.at<const float>(from_) + first * from_.pixel_stride,
         .in_stride = from_.pixel_stride,
         .a = context.at<float>(a_) + first * a_.pixel_stride,
         .a_stride = a_.pixel_stride,
         .b = context.at<float>(b_) + first * b_.pixel_stride,
         .b_stride = b_.pixel_stride,
         .rows = std::min(end * each_, from_.pixels()) - first,
         .columns = a_.channels()});
  }

 private:
  kernels::SeparateFn fn_;
  Place from_, a_, b_;
  std::int64_t each_ = 1;
};

// The Gathers of halves 0 and 1 along axis 0, which are all users of the value, or nothing.
std::optional<std::array<NodeId, 2>> match_halves(const Lowering& lowering, ValueId value) {
  const Graph& graph = lowering.graph();
  std::array<NodeId, 2> halves;
  const auto& uses = graph.value(value).uses;
  if (uses.size() != 2 || graph.is_output(value)) return {};
  for (const auto& use : uses) {
    const Node& gather = graph.node(use.node);
    if (gather.op_type != "Gather" || !gather.domain.empty() || gather.inputs[0] != value) return {};
    const Result<std::int64_t> axis = get_int(gather, "axis", 0);
    const Tensor* index = lowering.constant(gather.inputs[1]);
    if (!axis || *axis != 0 || index == nullptr || index->rank() != 0 || index->dtype() != DType::kInt64) return {};
    const std::int64_t half = index->data<std::int64_t>()[0];
    if (half < -2 || half > 1) return {};
    halves[static_cast<std::size_t>(half < 0 ? half + 2 : half)] = use.node;
  }
  if (!halves[0].valid() || !halves[1].valid()) return {};
  return halves;
}

struct Shuffle {
  std::vector<NodeId> nodes;  // Reshape, Transpose, Reshape
  std::int64_t groups = 0, group_size = 0;
  ValueId output;
};

// The shuffle that begins with the Reshape `id`.
std::optional<Shuffle> match_shuffle(Lowering& lowering, NodeId id) {
  const Graph& graph = lowering.graph();
  const Node& split = graph.node(id);
  if (split.op_type != "Reshape" || !split.domain.empty() || !lowering.is_float(split.inputs[0])) return {};
  const Dims* dims = lowering.dims(split.inputs[0]);
  const Dims* parts = lowering.dims(split.outputs[0]);
  if (dims == nullptr || parts == nullptr || dims->size() != 4 || parts->size() != 5) return {};
  if ((*parts)[0] != (*dims)[0] || (*parts)[1] * (*parts)[2] != (*dims)[1] || (*parts)[3] != (*dims)[2] ||
      (*parts)[4] != (*dims)[3])
    return {};
  const NodeId swap_id = lowering.only_user(split.outputs[0]);
  if (!swap_id.valid() || graph.node(swap_id).op_type != "Transpose" || !graph.node(swap_id).domain.empty()) return {};
  const Result<std::vector<std::int64_t>> order = get_ints(graph.node(swap_id), "perm");
  if (!order || *order != std::vector<std::int64_t>{0, 2, 1, 3, 4}) return {};
  const NodeId join_id = lowering.only_user(graph.node(swap_id).outputs[0]);
  if (!join_id.valid() || graph.node(join_id).op_type != "Reshape" || !graph.node(join_id).domain.empty()) return {};
  const ValueId output = graph.node(join_id).outputs[0];
  if (lowering.dims(output) == nullptr || *lowering.dims(output) != *dims) return {};
  return Shuffle{{id, swap_id, join_id}, (*parts)[1], (*parts)[2], output};
}

}  // namespace

bool lower_channel_shuffle(Lowering& lowering, NodeId id) {
  const std::optional<Shuffle> shuffle = match_shuffle(lowering, id);
  const ValueId x = lowering.graph().node(id).inputs[0];
  if (!shuffle || lowering.layout_of(x) != Layout::kChannelsLast) return false;
  const Place from = lowering.read(x, Layout::kChannelsLast),
              to = lowering.define(shuffle->output, Layout::kChannelsLast);
  const std::int64_t groups = shuffle->groups, size = shuffle->group_size;
  const std::int64_t shape[] = {from.pixels(), groups, size}, swap[] = {0, 2, 1};
  const std::int64_t in_strides[] = {from.pixel_stride, size, 1}, out_strides[] = {to.pixel_stride, groups, 1};
  const auto plan = kernels::plan_permute(shape, swap, sizeof(float), lowering.options().isa, lowering.threads(),
                                          in_strides, out_strides);
  CYCLOID_CHECK(std::holds_alternative<kernels::PermutePlan>(plan));
  add_permute(lowering, std::get<kernels::PermutePlan>(plan), from, to, "channel shuffle", shuffle->nodes);
  return true;
}

bool lower_shuffled_split(Lowering& lowering, NodeId id) {
  const Graph& graph = lowering.graph();
  const Node& split = graph.node(id);
  if (split.op_type != "Reshape" || !split.domain.empty() || !lowering.is_float(split.inputs[0])) return false;
  const Dims* in = lowering.dims(split.inputs[0]);
  const Dims* pairs = lowering.dims(split.outputs[0]);
  if (in == nullptr || pairs == nullptr || in->size() != 4 || (*in)[1] % 2 != 0) return false;
  const std::int64_t batch = (*in)[0], half = (*in)[1] / 2;
  if (*pairs != Dims{batch * half, 2, (*in)[2] * (*in)[3]} ||
      lowering.layout_of(split.inputs[0]) != Layout::kChannelsLast)
    return false;
  const NodeId swap_id = lowering.only_user(split.outputs[0]);
  if (!swap_id.valid() || graph.node(swap_id).op_type != "Transpose" || !graph.node(swap_id).domain.empty())
    return false;
  const Result<std::vector<std::int64_t>> order = get_ints(graph.node(swap_id), "perm");
  if (!order || *order != std::vector<std::int64_t>{1, 0, 2}) return false;
  const NodeId join_id = lowering.only_user(graph.node(swap_id).outputs[0]);
  if (!join_id.valid() || graph.node(join_id).op_type != "Reshape" || !graph.node(join_id).domain.empty()) return false;
  const ValueId joined = graph.node(join_id).outputs[0];
  const Dims* dims = lowering.dims(joined);
  if (dims == nullptr || *dims != Dims{2, batch, half, (*in)[2], (*in)[3]}) return false;
  const auto halves = match_halves(lowering, joined);
  if (!halves) return false;

  const Place from = lowering.read(split.inputs[0], Layout::kChannelsLast);
  const Place a = lowering.define(graph.node((*halves)[0]).outputs[0], Layout::kChannelsLast);
  const Place b = lowering.define(graph.node((*halves)[1]).outputs[0], Layout::kChannelsLast);
  auto step = std::make_unique<SeparateStep>(kernels::separate_kernel(lowering.options().isa), from, a, b);
  Lowering::Draft draft;
  draft.nodes = {id, swap_id, join_id, (*halves)[0], (*halves)[1]};
  draft.op = "channel shuffle+Split";
  draft.kernel = "separate";
  draft.reads = {from};
  draft.writes = {a, b};
  draft.units = step->units();
  lowering.add(std::move(step), std::move(draft));
  return true;
}

bool lower_shuffled_concat(Lowering& lowering, NodeId id) {
  const Node& concat = lowering.graph().node(id);
  const NodeId reshape = lowering.only_user(concat.outputs[0]);
  if (!reshape.valid() || concat.inputs.size() != 2) return false;
  const std::optional<Shuffle> shuffle = match_shuffle(lowering, reshape);
  if (!shuffle || shuffle->groups != 2) return false;
  for (const ValueId part : concat.inputs) {
    if ((*lowering.dims(part))[1] != shuffle->group_size) return false;
  }
  const Place a = lowering.read(concat.inputs[0], Layout::kChannelsLast);
  const Place b = lowering.read(concat.inputs[1], Layout::kChannelsLast);
  const Place to = lowering.define(shuffle->output, Layout::kChannelsLast);
  auto step = std::make_unique<InterleaveStep>(kernels::interleave_kernel(lowering.options().isa), a, b, to);
  Lowering::Draft draft;
  draft.nodes = {id};
  draft.nodes.insert(draft.nodes.end(), shuffle->nodes.begin(), shuffle->nodes.end());
  draft.op = "Concat+channel shuffle";
  draft.kernel = "interleave";
  draft.reads = {a, b};
  draft.writes = {to};
  draft.units = step->units();
  lowering.add(std::move(step), std::move(draft));
  return true;
}

}  // namespace cycloid
