#include "plan/lowering/pool.h"

#include "plan/lowering/lowerings.h"
#include "plan/lowering/reduce.h"
#include "plan/lowering/window.h"

namespace cycloid {
namespace {

using kernels::PoolKind;
using kernels::PoolParams;
using kernels::PoolPlan;

class PoolStep final : public Step {
 public:
  PoolStep(PoolPlan plan, Place in, Place out) : plan_(plan), in_(std::move(in)), out_(std::move(out)) {}
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    plan_.run(context.at<const float>(in_), context.at<float>(out_), context.scratch, begin, end);
  }

 private:
  PoolPlan plan_;
  Place in_, out_;
};

// All of a plane: a row of floats.
Declined lower_global_rows(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Dims in = *lowering.dims(node.inputs[0]);
  std::int64_t pixels = 1;
  for (std::size_t i = 2; i < in.size(); ++i) pixels *= in[i];
  const Place from = lowering.read(node.inputs[0], Layout::kRowMajor),
              to = lowering.define(node.outputs[0], Layout::kRowMajor);
  const auto kind = node.op_type == "GlobalMaxPool" ? kernels::ReduceKind::kMax : kernels::ReduceKind::kMean;
  add_reduced_rows(lowering, id, kind, in[0] * in[1], pixels, from, to);
  return {};
}

}  // namespace

Declined pool_params(const Lowering& lowering, NodeId id, PoolParams& params) {
  const Node& node = lowering.graph().node(id);
  if (!lowering.is_float(node.inputs[0])) return "only float32, and bytes in MaxPool, are native";
  if (node.outputs.size() > 1 && node.outputs[1].valid()) return "the indices of the maxima are wanted";
  const Dims &in = *lowering.dims(node.inputs[0]), &out = *lowering.dims(node.outputs[0]);
  KernelWindow window;
  const bool global = node.op_type.starts_with("Global");
  if (Declined reason = parse_window(node, in, out, std::span(in).subspan(std::min<std::size_t>(2, in.size())), window);
      !reason.empty())
    return reason;
  const Result<std::int64_t> count_padding = get_int(node, "count_include_pad", 0);
  if (!count_padding) return "an attribute of another type";
  const bool max = node.op_type == "MaxPool" || node.op_type == "GlobalMaxPool";
  params.kind = max                              ? PoolKind::kMax
                : !global && *count_padding != 0 ? PoolKind::kAverageCountPadding
                                                 : PoolKind::kAverage;
  params.batch = in[0];
  params.channels = in[1];
  set_window(window, params);
  params.pad_bottom = window.pad_end[0];
  params.pad_right = window.pad_end[1];
  params.threads = lowering.threads();
  return {};
}

Declined lower_pool(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  const DType dtype = lowering.dtype(x);
  if (node.op_type == "MaxPool" && (dtype == DType::kInt8 || dtype == DType::kUInt8))
    return lower_byte_max_pool(lowering, id);
  PoolParams params;
  if (Declined reason = pool_params(lowering, id, params); !reason.empty())
    return node.op_type.starts_with("Global") ? reason : lower_plane_pool(lowering, id, reason);
  // What is in planes is pooled there: if its users want channels-last, the result is the smaller one to convert.
  const Layout layout = lowering.layout_of(x);
  params.planes = layout == Layout::kRowMajor;
  if (params.planes && node.op_type.starts_with("Global")) return lower_global_rows(lowering, id);
  if (auto probe = kernels::select_pool(params, lowering.options().isa); std::holds_alternative<std::string>(probe))
    return std::get<std::string>(probe);

  const Place from = lowering.read(x, layout);
  const Place to = lowering.define(node.outputs[0], layout);
  params.in_stride = from.pixel_stride;
  params.out_stride = to.pixel_stride;
  const auto selection = kernels::select_pool(params, lowering.options().isa);
  CYCLOID_CHECK(std::holds_alternative<PoolPlan>(selection));
  const PoolPlan& plan = std::get<PoolPlan>(selection);
  Lowering::Draft draft;
  draft.nodes = {id};
  draft.kernel = plan.name;
  draft.reads = {from};
  draft.writes = {to};
  draft.units = plan.units;
  draft.scratch_bytes = plan.scratch_bytes;
  draft.flops = static_cast<double>(to.count()) * static_cast<double>(params.kernel_h * params.kernel_w);
  draft.speed = 0.25;
  lowering.add(std::make_unique<PoolStep>(plan, from, to), std::move(draft));
  return {};
}

}  // namespace cycloid
