// DepthToSpace of channels-last tensors: one permutation.
#include "kernels/move/move.h"
#include "plan/lowering/lowerings.h"

namespace cycloid {
namespace {

class BlocksStep final : public Step {
 public:
  BlocksStep(kernels::PermutePlan plan, Place from, Place to)
      : plan_(plan), from_(std::move(from)), to_(std::move(to)) {}
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    plan_.run(context.at<const std::byte>(from_), context.at<std::byte>(to_), begin, end);
  }

 private:
  kernels::PermutePlan plan_;
  Place from_, to_;
};

}  // namespace

Declined lower_depth_to_space(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  if (!lowering.is_float(x) || lowering.dims(x)->size() != 4) return "only float32 of rank 4 is native";
  const Result<std::int64_t> size = get_int(node, "blocksize", 1);
  const Result<std::string> mode = get_string(node, "mode", "DCR");
  if (!size || !mode || *size < 1) return "a block size that is not positive";
  const Dims in = *lowering.dims(x);
  const std::int64_t b = *size, channels = in[1] / (b * b);
  if (channels * b * b != in[1]) return "channels that the blocks do not divide";
  const Place from = lowering.read(x, Layout::kChannelsLast),
              to = lowering.define(node.outputs[0], Layout::kChannelsLast);

  // Of the input: image, row, column, then the channel's parts in the mode's order.
  const bool dcr = *mode == "DCR";
  const std::int64_t row = in[3] * from.pixel_stride;
  std::vector<std::int64_t> shape = {in[0], in[2], in[3]}, strides = {in[2] * row, row, from.pixel_stride}, order;
  if (dcr) {
    shape.insert(shape.end(), {b, b, channels});
    strides.insert(strides.end(), {b * channels, channels, 1});
    order = {0, 1, 3, 2, 4, 5};
  } else {
    shape.insert(shape.end(), {channels, b, b});
    strides.insert(strides.end(), {b * b, b, 1});
    order = {0, 1, 4, 2, 5, 3};
  }
  // Of the output: image, row, row in block, column, column in block, channel.
  const std::int64_t out_row = in[3] * b * to.pixel_stride;
  const std::int64_t out_strides[] = {in[2] * b * out_row, b * out_row,     out_row,
                                      b * to.pixel_stride, to.pixel_stride, 1};
  const auto plan = kernels::plan_permute(shape, order, sizeof(float), lowering.threads(), strides, out_strides);
  CYCLOID_CHECK(std::holds_alternative<kernels::PermutePlan>(plan));
  const auto& permute = std::get<kernels::PermutePlan>(plan);
  Lowering::Draft draft;
  draft.nodes = {id};
  draft.kernel = "move";
  draft.reads = {from};
  draft.writes = {to};
  draft.units = permute.units;
  lowering.add(std::make_unique<BlocksStep>(permute, from, to), std::move(draft));
  return {};
}

}  // namespace cycloid
