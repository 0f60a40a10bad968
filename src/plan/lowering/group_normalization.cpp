// InstanceNormalization and GroupNormalization.
#include <algorithm>
#include <cmath>

#include "kernels/rowwise/rowwise.h"
#include "plan/lowering/lowerings.h"

namespace cycloid {
namespace {

// A unit is a group of channels of one image, which lie side by side.
class GroupNormalizeStep final : public Step {
 public:
  GroupNormalizeStep(kernels::NormalizeFn fn, Place x, Place scale, Place shift, Place y, std::int64_t groups,
                     std::int64_t channels, std::int64_t each, float epsilon)
      : fn_(fn),
        x_(std::move(x)),
        scale_(std::move(scale)),
        shift_(std::move(shift)),
        y_(std::move(y)),
        groups_(groups),
        channels_(channels),
        each_(each),
        epsilon_(epsilon) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const auto *scale = context.at<const float>(scale_), *shift = context.at<const float>(shift_);
    for (std::int64_t unit = begin; unit < end; ++unit) {
      float* y = context.at<float>(y_) + unit * channels_ * each_;
      fn_({.x = context.at<const float>(x_) + unit * channels_ * each_,
           .x_stride = channels_ * each_,
           .y = y,
           .y_stride = channels_ * each_,
           .rows = 1,
           .columns = channels_ * each_,
           .scale = nullptr,
           .shift = nullptr,
           .epsilon = epsilon_,
           .center = true});
      const std::int64_t first = unit % groups_ * channels_;
      for (std::int64_t c = 0; c < channels_; ++c, y += each_) {
        const float factor = scale[first + c], term = shift[first + c];
        for (std::int64_t i = 0; i < each_; ++i) y[i] = y[i] * factor + term;
      }
    }
  }

 private:
  kernels::NormalizeFn fn_;
  Place x_, scale_, shift_, y_;
  std::int64_t groups_, channels_, each_;
  float epsilon_;
};

}  // namespace

Declined lower_group_normalization(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Result<float> epsilon = get_float(node, "epsilon", 1e-5F);
  const Result<std::int64_t> given = get_int(node, "num_groups", 0);
  if (!epsilon || !given) return "an attribute of another type";
  for (const ValueId input : node.inputs) {
    if (!lowering.is_float(input)) return "only float32 is native";
  }
  const Dims x = *lowering.dims(node.inputs[0]);
  if (x.size() < 2) return "an input without channels";
  const bool grouped = node.op_type == "GroupNormalization";
  const std::int64_t groups = grouped ? *given : x[1];
  const Dims by_channel = {x[1]};
  if (groups < 1 || x[1] % groups != 0) return "channels that make no whole groups";
  if (*lowering.dims(node.inputs[1]) != by_channel || *lowering.dims(node.inputs[2]) != by_channel)
    return "a scale or bias that is not by channel";
  const Place from = lowering.read(node.inputs[0], Layout::kRowMajor);
  const Place scale = lowering.read(node.inputs[1], Layout::kRowMajor);
  const Place shift = lowering.read(node.inputs[2], Layout::kRowMajor);
  const Place to = lowering.define(node.outputs[0], Layout::kRowMajor);
  const std::int64_t each = from.count() / (x[0] * x[1]);
  Lowering::Draft draft{.nodes = {id}, .kernel = "rowwise.normalize", .reads = {from, scale, shift}, .writes = {to}};
  draft.units = x[0] * groups;
  draft.flops = 8 * static_cast<double>(to.count());
  draft.speed = 0.1;
  lowering.add(std::make_unique<GroupNormalizeStep>(kernels::normalize_kernel(lowering.options().isa), from, scale,
                                                    shift, to, groups, x[1] / groups, each, *epsilon),
               std::move(draft));
  return {};
}

}  // namespace cycloid
