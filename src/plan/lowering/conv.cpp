#include "kernels/conv/conv.h"

#include "plan/lowering/epilogue.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/window.h"
#include "plan/tune/tuner.h"
#include "plan/weight_bytes.h"

namespace cycloid {
namespace {

using kernels::ConvArgs;
using kernels::ConvParams;
using kernels::ConvPlan;

class ConvStep final : public Step {
 public:
  ConvStep(ConvPlan plan, Place in, Place out, std::optional<Place> residual, const void* packed)
      : plan_(std::move(plan)),
        in_(std::move(in)),
        out_(std::move(out)),
        residual_(std::move(residual)),
        packed_(packed) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const ConvArgs args{.in = context.at<const float>(in_),
                        .residual = residual_ ? context.at<const float>(*residual_) : nullptr,
                        .packed = packed_,
                        .out = context.at<float>(out_),
                        .scratch = context.scratch};
    plan_.run(args, begin, end);
  }

 private:
  ConvPlan plan_;
  Place in_, out_;
  std::optional<Place> residual_;
  const void* packed_;
};

ConvParams make_params(const Lowering& lowering, const Window& window, const Dims& in, const Dims& out,
                       std::int64_t groups) {
  ConvParams params;
  params.batch = in[0];
  params.in_c = in[1];
  params.out_c = out[1];
  set_window(window, params);
  params.groups = groups;
  params.threads = lowering.threads();
  params.strict = lowering.options().strict;
  params.weights_far = weights_are_far(lowering.graph());
  return params;
}

// Why a window of several taps is summed directly: what Winograd's kernels said, or that they are no faster here.
std::string why_direct(const ConvPlan& plan, Isa isa) {
  const ConvParams& params = plan.params;
  if (params.kernel_h * params.kernel_w == 1 || plan.name().find("winograd") != std::string_view::npos ||
      plan.name().find("depthwise") != std::string_view::npos)
    return {};
  std::string reason;
  for (const kernels::ConvCandidate& candidate : kernels::conv_candidates(params, isa)) {
    if (candidate.kernel->name.find("winograd") == std::string_view::npos) continue;
    const auto* declined = std::get_if<std::string>(&candidate.selection);
    if (declined == nullptr) return "Winograd would not be faster";
    reason = *declined;
  }
  return reason;
}

}  // namespace

Declined lower_conv(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  const Tensor* weights = lowering.constant(node.inputs[1]);
  const bool has_bias = node.inputs.size() > 2 && node.inputs[2].valid();
  const Tensor* bias = has_bias ? lowering.constant(node.inputs[2]) : nullptr;
  if (!lowering.is_float(x)) return "only float32 is native";
  if (weights == nullptr || (has_bias && bias == nullptr)) return "the weights are computed in the run";
  const Dims in = *lowering.dims(x), out = *lowering.dims(node.outputs[0]);
  Window window;
  if (Declined reason = parse_window(
          node, in, out, std::span(weights->dims()).subspan(std::min<std::size_t>(2, weights->rank())), window);
      !reason.empty())
    return reason;
  const Result<std::int64_t> groups = get_int(node, "group", 1);
  if (!groups || *groups < 1 || in[1] % *groups != 0 || weights->dim(0) != out[1] || weights->dim(1) * *groups != in[1])
    return "weights that do not fit the groups";

  ConvParams params = make_params(lowering, window, in, out, *groups);
  if (auto probe = kernels::select_conv(params, lowering.options().isa); std::holds_alternative<std::string>(probe))
    return std::get<std::string>(probe);

  const EpilogueMatch epilogue = match_epilogue(lowering, node.outputs[0], 1);
  const Place from = lowering.read(x, Layout::kChannelsLast);
  std::optional<Place> residual;
  if (epilogue.residual.valid()) residual = lowering.read(epilogue.residual, Layout::kChannelsLast);
  const Place to = lowering.define(epilogue.output, Layout::kChannelsLast);
  params.in_stride = from.pixel_stride;
  params.out_stride = to.pixel_stride;
  params.activation = epilogue.activation;
  params.has_residual = residual.has_value();
  params.residual_last = epilogue.residual_last;
  if (residual) params.residual_stride = residual->pixel_stride;

  const auto selection = choose_conv(lowering.options(), params);
  CYCLOID_CHECK(std::holds_alternative<ConvPlan>(selection));
  const ConvPlan& plan = std::get<ConvPlan>(selection);
  BufferId buffer;
  std::byte* packed = lowering.constant_memory(plan.packed_bytes, buffer);
  plan.pack(weights->data<float>().data(), bias == nullptr ? nullptr : bias->data<float>().data(), packed);

  Lowering::Draft draft;
  draft.nodes = {id};
  draft.nodes.insert(draft.nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
  draft.kernel = plan.name();
  draft.reason = why_direct(plan, lowering.options().isa);
  draft.reads = {from};
  if (residual) draft.reads.push_back(*residual);
  draft.writes = {to};
  draft.units = plan.units;
  draft.scratch_bytes = plan.scratch_bytes;
  draft.flops = params.flops();
  draft.arithmetic = kernels::conv_arithmetic(plan);
  draft.bytes = static_cast<double>(plan.packed_bytes);
  draft.cost_ns = kernels::conv_cost_ns(plan);
  draft.range_ns = kernels::conv_range_cost_ns(plan);
  lowering.add(std::make_unique<ConvStep>(plan, from, to, residual, packed), std::move(draft));
  return {};
}

}  // namespace cycloid
