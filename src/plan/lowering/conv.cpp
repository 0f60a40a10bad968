#include "kernels/conv/conv.h"

#include <fmt/format.h>

#include "kernels/conv/conv_pool.h"
#include "kernels/conv/conv_separable.h"
#include "plan/lowering/conv_step.h"
#include "plan/lowering/epilogue.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/pool.h"
#include "plan/lowering/window.h"
#include "plan/tune/tuner.h"
#include "plan/weight_bytes.h"

namespace cycloid {
namespace {

using kernels::ConvParams;
using kernels::ConvPlan;
using kernels::ConvPoolPlan;
using kernels::ConvSeparablePlan;
using kernels::PoolParams;

// Taps of a pooling, as lower_pool()'s estimate has it; elements that change their layout.
constexpr double kPooledPerNs = 25, kMovedPerNs = 2.5;

ConvParams make_params(const Lowering& lowering, const KernelWindow& window, const Dims& in, const Dims& out,
                       std::int64_t groups) {
  ConvParams params;
  params.batch = in[0];
  params.in_c = in[1];
  params.out_c = out[1];
  set_window(window, params);
  params.groups = groups;
  params.threads = lowering.threads();
  params.strict = lowering.options().strict;
  params.subnormals = lowering.options().subnormals;
  params.weights_far = weights_are_far(lowering.graph());
  return params;
}

// Why a window of several taps is summed directly: what Winograd's kernels said, or that they are no faster here.
std::string why_direct(const ConvPlan& plan, Isa isa) {
  ConvParams params = plan.params;
  if (params.channels_first) params.in_stride = 0;
  params.channels_first = false;
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

struct Weights {
  const float* weights;
  const float* bias;  // or null
};

const void* pack(Lowering& lowering, const ConvPlan& plan, const Weights& constants) {
  BufferId buffer;
  std::byte* packed = lowering.constant_memory(plan.packed_bytes, buffer);
  plan.pack(constants.weights, constants.bias, packed);
  return packed;
}

// What is known of the step without places, units and scratch.
Lowering::Draft make_draft(NodeId id, const EpilogueMatch& epilogue, const ConvPlan& plan) {
  Lowering::Draft draft;
  draft.nodes = {id};
  draft.nodes.insert(draft.nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
  draft.kernel = plan.name();
  draft.flops = plan.params.flops();
  draft.arithmetic = kernels::conv_arithmetic(plan);
  draft.bytes = static_cast<double>(plan.packed_bytes);
  draft.cost_ns = kernels::conv_cost_ns(plan);
  return draft;
}

// Whether the input lies channels-first, and a kernel that takes it so is faster than another with the conversion.
bool reads_channels_first(const Lowering& lowering, ValueId x, ConvParams params) {
  if (lowering.layout_of(x) != Layout::kRowMajor || lowering.waiting(x) != nullptr) return false;
  const auto other = kernels::select_conv(params, lowering.options().isa);
  params.channels_first = true;
  const auto direct = kernels::select_conv(params, lowering.options().isa);
  if (!std::holds_alternative<ConvPlan>(direct) || !std::holds_alternative<ConvPlan>(other)) return false;
  const std::int64_t pixels = params.in_h * params.in_w, moved = pixels == 1 || params.in_c == 1 ? 0 : params.in_c;
  return kernels::conv_cost_ns(std::get<ConvPlan>(direct)) <
         kernels::conv_cost_ns(std::get<ConvPlan>(other)) +
             static_cast<double>(params.batch * pixels * moved) / kMovedPerNs;
}

// Adds a step that does the pooling too which alone follows, if there is one and the chosen kernel makes single rows.
bool add_with_pooling(Lowering& lowering, NodeId id, const EpilogueMatch& epilogue, const ConvParams& params,
                      const Weights& constants, const Place& from) {
  const NodeId user = lowering.only_user(epilogue.output);
  if (!user.valid() || epilogue.residual.valid()) return false;
  const Node& node = lowering.graph().node(user);
  if (!node.domain.empty() || (node.op_type != "MaxPool" && node.op_type != "AveragePool")) return false;
  PoolParams pool;
  if (lowering.dims(node.outputs[0]) == nullptr || !pool_params(lowering, user, pool).empty()) return false;
  const auto selection = choose_conv(lowering.options(), params);
  CYCLOID_CHECK(std::holds_alternative<ConvPlan>(selection));
  const ConvPlan& conv = std::get<ConvPlan>(selection);
  if (std::holds_alternative<std::string>(kernels::configure_conv_pool(conv, pool))) return false;

  const Place to = lowering.define(node.outputs[0], Layout::kChannelsLast);
  pool.out_stride = to.pixel_stride;
  const auto plan = std::get<ConvPoolPlan>(kernels::configure_conv_pool(conv, pool));
  Lowering::Draft draft = make_draft(id, epilogue, conv);
  draft.nodes.push_back(user);
  draft.kernel = fmt::format("{} + {}", conv.name(), plan.pool.name);
  draft.reads = {from};
  draft.writes = {to};
  draft.units = plan.units;
  draft.scratch_bytes = plan.scratch_bytes;
  draft.range_ns = draft.cost_ns / static_cast<double>(plan.units) * plan.range_share;
  const double pooled = static_cast<double>(to.count() * pool.kernel_h * pool.kernel_w);
  draft.flops += pooled;
  draft.arithmetic += pooled;
  draft.cost_ns += pooled / kPooledPerNs;
  lowering.add(std::make_unique<ConvStep<ConvPoolPlan>>(plan, from, to, std::nullopt, pack(lowering, conv, constants)),
               std::move(draft));
  return true;
}

// Whether a sum of something that is not there yet follows: the convolution could do it if it came later.
bool sum_follows(const Lowering& lowering, const EpilogueMatch& epilogue) {
  const NodeId user = lowering.only_user(epilogue.output);
  if (!user.valid() || epilogue.residual.valid()) return false;
  const Node& node = lowering.graph().node(user);
  return node.domain.empty() && (node.op_type == "Add" || node.op_type == "Sum");
}

// Adds a step that does the pointwise convolution too which alone follows a depthwise one, if there is one.
bool add_with_pointwise(Lowering& lowering, NodeId id, const EpilogueMatch& epilogue, const ConvParams& params,
                        const Weights& constants, const Place& from) {
  const NodeId user = lowering.only_user(epilogue.output);
  if (!user.valid() || epilogue.residual.valid() || params.groups == 1) return false;
  const Node& node = lowering.graph().node(user);
  if (!node.domain.empty() || node.op_type != "Conv" || node.inputs[0] != epilogue.output) return false;
  const bool has_bias = node.inputs.size() > 2 && node.inputs[2].valid();
  const Tensor* weights = lowering.constant(node.inputs[1]);
  const Tensor* bias = has_bias ? lowering.constant(node.inputs[2]) : nullptr;
  const Dims* out = lowering.dims(node.outputs[0]);
  if (weights == nullptr || weights->rank() < 3 || (has_bias && bias == nullptr) || out == nullptr) return false;
  const Dims& between = *lowering.dims(epilogue.output);
  KernelWindow window;
  if (!parse_window(node, between, *out, std::span(weights->dims()).subspan(2), window).empty()) return false;
  const Result<std::int64_t> groups = get_int(node, "group", 1);
  if (!groups || *groups != 1 || weights->dim(0) != (*out)[1] || weights->dim(1) != between[1]) return false;

  const EpilogueMatch last = match_epilogue(lowering, node.outputs[0], 1);
  ConvParams pointwise = make_params(lowering, window, between, *out, 1);
  pointwise.activation = last.activation;
  pointwise.has_residual = last.residual.valid();
  pointwise.residual_last = last.residual_last;
  const Isa isa = lowering.options().isa;
  const auto selection = kernels::configure_conv_separable(params, pointwise, isa);
  const auto* fused = std::get_if<ConvSeparablePlan>(&selection);
  if (fused == nullptr || !fused->pays(lowering.threads()) || sum_follows(lowering, last)) return false;

  std::optional<Place> residual;
  if (last.residual.valid()) residual = lowering.read(last.residual, Layout::kChannelsLast);
  const Place to = lowering.define(last.output, Layout::kChannelsLast);
  pointwise.out_stride = to.pixel_stride;
  if (residual) pointwise.residual_stride = residual->pixel_stride;
  const auto plan = std::get<ConvSeparablePlan>(kernels::configure_conv_separable(params, pointwise, isa));
  BufferId buffer;
  std::byte* packed = lowering.constant_memory(plan.packed_bytes, buffer);
  plan.pack(constants.weights, constants.bias, weights->data<float>().data(),
            bias == nullptr ? nullptr : bias->data<float>().data(), packed);

  Lowering::Draft draft = make_draft(id, epilogue, plan.depthwise);
  draft.nodes.push_back(user);
  draft.nodes.insert(draft.nodes.end(), last.nodes.begin(), last.nodes.end());
  draft.kernel = fmt::format("{} + {}", plan.depthwise.name(), plan.pointwise[0].name());
  draft.flops += pointwise.flops();
  draft.arithmetic += pointwise.flops();
  draft.bytes = static_cast<double>(plan.packed_bytes);
  draft.cost_ns = plan.cost_ns;
  draft.reads = {from};
  if (residual) draft.reads.push_back(*residual);
  draft.writes = {to};
  draft.units = plan.units;
  draft.scratch_bytes = plan.scratch_bytes;
  lowering.add(std::make_unique<ConvStep<ConvSeparablePlan>>(plan, from, to, residual, packed), std::move(draft));
  return true;
}

}  // namespace

Declined lower_conv(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  const Tensor* weights = lowering.constant(node.inputs[1]);
  const bool has_bias = node.inputs.size() > 2 && node.inputs[2].valid();
  const Tensor* bias = has_bias ? lowering.constant(node.inputs[2]) : nullptr;
  if (!lowering.is_float(x)) return lower_conv_columns(lowering, id, "only float32 and float64 are native");
  if (weights == nullptr || (has_bias && bias == nullptr))
    return lower_conv_columns(lowering, id, "the weights are computed in the run");
  const Dims in = *lowering.dims(x), out = *lowering.dims(node.outputs[0]);
  KernelWindow window;
  if (Declined reason = parse_window(
          node, in, out, std::span(weights->dims()).subspan(std::min<std::size_t>(2, weights->rank())), window);
      !reason.empty())
    return lower_conv_columns(lowering, id, reason);
  const Result<std::int64_t> groups = get_int(node, "group", 1);
  if (!groups || *groups < 1 || in[1] % *groups != 0 || weights->dim(0) != out[1] || weights->dim(1) * *groups != in[1])
    return "weights that do not fit the groups";

  ConvParams params = make_params(lowering, window, in, out, *groups);
  if (auto probe = kernels::select_conv(params, lowering.options().isa); std::holds_alternative<std::string>(probe))
    return std::get<std::string>(probe);

  const EpilogueMatch epilogue = match_epilogue(lowering, node.outputs[0], 1);
  params.channels_first = reads_channels_first(lowering, x, params);
  const Place from = lowering.read(x, params.channels_first ? Layout::kRowMajor : Layout::kChannelsLast);
  params.in_stride = params.channels_first ? 0 : from.pixel_stride;
  params.activation = epilogue.activation;
  const Weights constants{.weights = weights->data<float>().data(),
                          .bias = bias == nullptr ? nullptr : bias->data<float>().data()};
  if (add_with_pooling(lowering, id, epilogue, params, constants, from) ||
      add_with_pointwise(lowering, id, epilogue, params, constants, from))
    return {};

  std::optional<Place> residual;
  if (epilogue.residual.valid()) residual = lowering.read(epilogue.residual, Layout::kChannelsLast);
  const Place to = lowering.define(epilogue.output, Layout::kChannelsLast);
  params.out_stride = to.pixel_stride;
  params.has_residual = residual.has_value();
  params.residual_last = epilogue.residual_last;
  if (residual) params.residual_stride = residual->pixel_stride;

  const auto selection = choose_conv(lowering.options(), params);
  CYCLOID_CHECK(std::holds_alternative<ConvPlan>(selection));
  const ConvPlan& plan = std::get<ConvPlan>(selection);
  Lowering::Draft draft = make_draft(id, epilogue, plan);
  draft.reason = why_direct(plan, lowering.options().isa);
  draft.reads = {from};
  if (residual) draft.reads.push_back(*residual);
  draft.writes = {to};
  draft.units = plan.units;
  draft.scratch_bytes = plan.scratch_bytes;
  draft.range_ns = kernels::conv_range_cost_ns(plan);
  lowering.add(std::make_unique<ConvStep<ConvPlan>>(plan, from, to, residual, pack(lowering, plan, constants)),
               std::move(draft));
  return {};
}

}  // namespace cycloid
