// reshape(transpose(reshape(x, [n, g, c / g, ...]), [0, 2, 1, ...]), dims(x))  =>  one permutation of each pixel's channels
#include "kernels/move/move.h"
#include "plan/lowering/lowerings.h"

namespace cycloid {
namespace {

class ShuffleStep final : public Step {
 public:
  ShuffleStep(kernels::PermutePlan plan, Place from, Place to)
      : plan_(plan), from_(std::move(from)), to_(std::move(to)) {}
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    plan_.run(context.at<const std::byte>(from_), context.at<std::byte>(to_), begin, end);
  }

 private:
  kernels::PermutePlan plan_;
  Place from_, to_;
};

}  // namespace

bool lower_channel_shuffle(Lowering& lowering, NodeId id) {
  const Graph& graph = lowering.graph();
  const Node& split = graph.node(id);
  const ValueId x = split.inputs[0];
  const Dims dims = *lowering.dims(x), parts = *lowering.dims(split.outputs[0]);
  if (split.op_type != "Reshape" || !lowering.is_float(x) || lowering.layout_of(x) != Layout::kChannelsLast)
    return false;
  if (dims.size() != 4 || parts.size() != 5 || parts[0] != dims[0] || parts[1] * parts[2] != dims[1] ||
      parts[3] != dims[2] || parts[4] != dims[3])
    return false;
  const NodeId swap_id = lowering.only_user(split.outputs[0]);
  if (!swap_id.valid() || graph.node(swap_id).op_type != "Transpose" || !graph.node(swap_id).domain.empty())
    return false;
  const Result<std::vector<std::int64_t>> order = get_ints(graph.node(swap_id), "perm");
  if (!order || *order != std::vector<std::int64_t>{0, 2, 1, 3, 4}) return false;
  const NodeId join_id = lowering.only_user(graph.node(swap_id).outputs[0]);
  if (!join_id.valid() || graph.node(join_id).op_type != "Reshape" || !graph.node(join_id).domain.empty()) return false;
  const ValueId output = graph.node(join_id).outputs[0];
  if (lowering.dims(output) == nullptr || *lowering.dims(output) != dims) return false;

  const Place from = lowering.read(x, Layout::kChannelsLast), to = lowering.define(output, Layout::kChannelsLast);
  const std::int64_t shape[] = {from.pixels(), parts[1], parts[2]}, swap[] = {0, 2, 1};
  const std::int64_t in_strides[] = {from.pixel_stride, parts[2], 1}, out_strides[] = {to.pixel_stride, parts[1], 1};
  const auto plan = kernels::plan_permute(shape, swap, sizeof(float), lowering.threads(), in_strides, out_strides);
  CYCLOID_CHECK(std::holds_alternative<kernels::PermutePlan>(plan));
  const auto& permute = std::get<kernels::PermutePlan>(plan);
  Lowering::Draft draft;
  draft.nodes = {id, swap_id, join_id};
  draft.op = "channel shuffle";
  draft.kernel = "move";
  draft.reads = {from};
  draft.writes = {to};
  draft.units = permute.units;
  lowering.add(std::make_unique<ShuffleStep>(permute, from, to), std::move(draft));
  return true;
}

}  // namespace cycloid
