// batch_norm(conv(x, w, b)) => conv(x, w * s, (b - mean) * s + bias) with s = scale / sqrt(var + epsilon), per channel
#include <algorithm>
#include <cmath>

#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

constexpr std::string_view kRoots[] = {"BatchNormalization"};

const Tensor* float_vector(const RuleContext& context, ValueId id, std::int64_t size) {
  const Tensor* tensor = context.graph.constant(id);
  return tensor != nullptr && tensor->dtype() == DType::kFloat32 && tensor->dims() == Dims{size} ? tensor : nullptr;
}

// Each output channel's weights times its factor. Output channels are the first axis of w.
Tensor scale_channels(const Tensor& w, const std::vector<double>& factors) {
  Tensor scaled = w;
  auto elements = scaled.mutable_data<float>();
  const std::size_t each = elements.size() / factors.size();
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<float>(elements[i] * factors[i / each]);
  return scaled;
}

std::optional<Patch> propose(const RuleContext& context, NodeId root) {
  const Graph& graph = context.graph;
  const Node& norm = graph.node(root);
  const Node* conv = context.producer(norm.inputs[0], "Conv");
  if (conv == nullptr || !context.only_used_by(norm.inputs[0], root)) return std::nullopt;
  const auto training = get_int(norm, "training_mode", 0);
  const auto epsilon = get_float(norm, "epsilon", 1e-5F);
  const Tensor* w = graph.constant(conv->inputs[1]);
  if (!training || *training != 0 || !epsilon || w == nullptr || w->dtype() != DType::kFloat32 ||
      w->element_count() == 0)
    return std::nullopt;
  const std::int64_t channels = w->dim(0);
  const Tensor* scale = float_vector(context, norm.inputs[1], channels);
  const Tensor* bias = float_vector(context, norm.inputs[2], channels);
  const Tensor* mean = float_vector(context, norm.inputs[3], channels);
  const Tensor* variance = float_vector(context, norm.inputs[4], channels);
  const bool has_bias = conv->inputs.size() > 2 && conv->inputs[2].valid();
  const Tensor* conv_bias = has_bias ? float_vector(context, conv->inputs[2], channels) : nullptr;
  if (!scale || !bias || !mean || !variance || (has_bias && conv_bias == nullptr)) return std::nullopt;

  std::vector<double> factors;
  std::vector<float> shifts;
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
    const double factor =
        scale->data<float>()[c] / std::sqrt(static_cast<double>(variance->data<float>()[c]) + *epsilon);
    const double shift =
        ((has_bias ? conv_bias->data<float>()[c] : 0.0) - mean->data<float>()[c]) * factor + bias->data<float>()[c];
    if (!std::isfinite(factor) || !std::isfinite(shift)) return std::nullopt;
    factors.push_back(factor);
    shifts.push_back(static_cast<float>(shift));
  }
  Patch patch;
  const auto weights = patch.constant(graph.value(conv->inputs[1]).name, scale_channels(*w, factors));
  const auto new_bias = patch.constant(graph.value(norm.inputs[2]).name, Tensor::of<float>({channels}, shifts));
  patch.replace(norm.outputs[0], patch.node("Conv", {conv->inputs[0], weights, new_bias}, conv->attributes));
  return patch;
}

}  // namespace

const Rule kFoldBatchNormIntoConv = {
    .name = "fold-batch-norm-into-conv",
    .law = "batch_norm(conv(x, w, b)) => conv(x, w * s, (b - mean) * s + bias), s = scale / sqrt(var + epsilon)",
    .why =
        "Outside training a batch normalisation is one factor and one shift per channel, and a convolution is linear.",
    .kind = RuleKind::kStandard,
    .exact = false,
    .roots = kRoots,
    .propose = propose,
};

}  // namespace cycloid
