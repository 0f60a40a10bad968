#include "kernels/conv/conv_transpose.h"

#include "plan/lowering/activation.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/window.h"

namespace cycloid {
namespace {

using kernels::ConvTransposeParams;
using kernels::ConvTransposePlan;

class ConvTransposeStep final : public Step {
 public:
  ConvTransposeStep(ConvTransposePlan plan, Place in, Place out, const void* packed)
      : plan_(plan), in_(std::move(in)), out_(std::move(out)), packed_(packed) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    plan_.run({.in = context.at<const float>(in_),
               .packed = packed_,
               .out = context.at<float>(out_),
               .scratch = context.scratch},
              begin, end);
  }

 private:
  ConvTransposePlan plan_;
  Place in_, out_;
  const void* packed_;
};

// The padding at the begin that gives the inferred output size: ONNX lets output_shape and auto_pad decide it too.
Declined set_padding(const Node& node, const KernelWindow& window, ConvTransposeParams& params) {
  const std::size_t rank = window.rank;
  const Result<std::string> auto_pad = get_string(node, "auto_pad", "NOTSET");
  const Result<std::vector<std::int64_t>> shape = get_ints(node, "output_shape"),
                                          extra = get_ints(node, "output_padding");
  if (!auto_pad || !shape || !extra || (!extra->empty() && extra->size() != rank))
    return "attributes that do not fit the rank";
  const bool computed = !shape->empty() || *auto_pad == "SAME_UPPER" || *auto_pad == "SAME_LOWER";
  std::int64_t pads[2] = {window.pad_begin[0], window.pad_begin[1]};
  for (std::size_t i = 2 - rank; computed && i < 2; ++i) {
    const std::int64_t output_padding = extra->empty() ? 0 : (*extra)[i - (2 - rank)];
    const std::int64_t full =
        window.stride[i] * (window.in[i] - 1) + output_padding + (window.kernel[i] - 1) * window.dilation[i] + 1;
    const std::int64_t total = full - window.out[i];
    // As the standard's formula has it: SAME_UPPER puts the larger half at the end, all else at the begin.
    pads[i] = *auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
    if (total < 0) return "an output larger than the window reaches";
  }
  params.pad_top = pads[0];
  params.pad_left = pads[1];
  return {};
}

}  // namespace

Declined lower_conv_transpose(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId x = node.inputs[0];
  const Tensor* weights = lowering.constant(node.inputs[1]);
  const bool has_bias = node.inputs.size() > 2 && node.inputs[2].valid();
  const Tensor* bias = has_bias ? lowering.constant(node.inputs[2]) : nullptr;
  if (!lowering.is_float(x)) return "only float32 is native";
  if (weights == nullptr || (has_bias && bias == nullptr)) return "the weights are computed in the run";
  const Dims in = *lowering.dims(x), out = *lowering.dims(node.outputs[0]);
  KernelWindow window;
  if (Declined reason = parse_window(
          node, in, out, std::span(weights->dims()).subspan(std::min<std::size_t>(2, weights->rank())), window, false);
      !reason.empty())
    return reason;
  const Result<std::int64_t> groups = get_int(node, "group", 1);
  if (!groups || *groups < 1 || in[1] % *groups != 0 || weights->dim(0) != in[1] || weights->dim(1) * *groups != out[1])
    return "weights that do not fit the groups";

  ConvTransposeParams params;
  params.batch = in[0];
  params.in_c = in[1];
  params.out_c = out[1];
  set_window(window, params);
  params.groups = *groups;
  if (Declined reason = set_padding(node, window, params); !reason.empty()) return reason;
  if (auto probe = kernels::select_conv_transpose(params, lowering.options().isa);
      std::holds_alternative<std::string>(probe))
    return std::get<std::string>(probe);

  Lowering::Draft draft;
  draft.nodes = {id};
  ValueId output = node.outputs[0];
  if (auto match = match_activation(lowering, output, 1)) {
    params.activation = match->activation;
    output = match->output;
    draft.nodes.insert(draft.nodes.end(), match->nodes.begin(), match->nodes.end());
  }
  const Place from = lowering.read(x, Layout::kChannelsLast), to = lowering.define(output, Layout::kChannelsLast);
  params.in_stride = from.pixel_stride;
  params.out_stride = to.pixel_stride;
  const auto selection = kernels::select_conv_transpose(params, lowering.options().isa);
  CYCLOID_CHECK(std::holds_alternative<ConvTransposePlan>(selection));
  const auto& plan = std::get<ConvTransposePlan>(selection);
  BufferId buffer;
  std::byte* packed = lowering.constant_memory(plan.packed_bytes, buffer);
  plan.pack(weights->data<float>().data(), bias == nullptr ? nullptr : bias->data<float>().data(), packed);
  draft.kernel = plan.name;
  draft.reads = {from};
  draft.writes = {to};
  draft.units = plan.units;
  draft.scratch_bytes = plan.scratch_bytes;
  draft.flops = params.flops();
  draft.bytes = static_cast<double>(plan.packed_bytes);
  lowering.add(std::make_unique<ConvTransposeStep>(plan, from, to, packed), std::move(draft));
  return {};
}

}  // namespace cycloid
