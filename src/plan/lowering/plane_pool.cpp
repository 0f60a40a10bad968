// Pooling that pool.cpp does not take: of float64, of three and more dimensions, norms.
#include "kernels/pool/plane_pool.h"

#include "ops/nn/pool.h"
#include "plan/lowering/pool.h"

namespace cycloid {
namespace {

using kernels::PlanePoolKind;
using kernels::PlanePoolPlan;

class PlanePoolStep final : public Step {
 public:
  PlanePoolStep(PlanePoolPlan plan, Place x, Place y) : plan_(std::move(plan)), x_(std::move(x)), y_(std::move(y)) {}
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    plan_.run(context.at<const void>(x_), context.at<void>(y_), context.scratch, begin, end);
  }

 private:
  PlanePoolPlan plan_;
  Place x_, y_;
};

std::optional<PlanePoolKind> kind_of(const Node& node, const PoolAttributes& attributes) {
  if (node.op_type == "MaxPool") return PlanePoolKind::kMax;
  if (node.op_type == "LpPool") {
    if (attributes.p > 2) return {};
    return attributes.p == 1 ? PlanePoolKind::kL1 : PlanePoolKind::kL2;
  }
  return attributes.count_include_pad ? PlanePoolKind::kAverageCountPadding : PlanePoolKind::kAverage;
}

}  // namespace

Declined lower_plane_pool(Lowering& lowering, NodeId id, const std::string& reason) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0], y = node.outputs[0];
  const DType type = lowering.dtype(x);
  if (type != DType::kFloat32 && type != DType::kFloat64) return reason;
  if (node.outputs.size() > 1 && node.outputs[1].valid()) return "the indices of the maxima are wanted";
  if (!lowering.has_elements(x) || !lowering.has_elements(y)) return "no elements";
  const auto attributes = PoolAttributes::parse(node);
  if (!attributes) return attributes.error().message();
  const Dims in = *lowering.dims(x), out = *lowering.dims(y);
  const auto window = attributes->resolve(in);
  if (!window) return window.error().message();
  const auto kind = kind_of(node, *attributes);
  const std::size_t rank = in.size() - 2;
  if (!kind || rank > kernels::kMaxFoldRank) return "a norm or a rank that the kernel has not";
  kernels::PlanePoolParams params{.kind = *kind, .rank = static_cast<int>(rank), .axes = {}};
  params.type = type == DType::kFloat64 ? kernels::PlanePoolType::kFloat64 : kernels::PlanePoolType::kFloat32;
  double taps = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    params.axes[i] = {.image = in[i + 2],
                      .kernel = window->kernel[i],
                      .positions = window->output[i],
                      .stride = window->strides[i],
                      .dilation = window->dilations[i],
                      .pad = window->pads_begin[i]};
    params.pad_end[i] = window->pads_end[i];
    taps *= static_cast<double>(window->kernel[i]);
  }
  PlanePoolPlan plan = kernels::plan_plane_pool(params, lowering.options().isa);
  const Place from = lowering.read(x, Layout::kRowMajor), to = lowering.define(y, Layout::kRowMajor);
  Lowering::Draft draft{.nodes = {id}, .kernel = "pool.planes", .reads = {from}, .writes = {to}};
  draft.units = plan.units(in[0] * in[1]);
  draft.scratch_bytes = plan.scratch_bytes();
  draft.flops = static_cast<double>(to.count()) * taps;
  draft.speed = 0.1;
  lowering.add(std::make_unique<PlanePoolStep>(std::move(plan), from, to), std::move(draft));
  return {};
}

Declined lower_lp_pool(Lowering& lowering, NodeId id) {
  return lower_plane_pool(lowering, id, "only float32 and float64 are native");
}

}  // namespace cycloid
