#include "plan/lowering/activation.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cycloid {
namespace {

using kernels::Activation;
using kernels::ActivationKind;

// A scalar constant, `fallback` where the input is absent, nothing where it is neither.
std::optional<float> scalar_input(const Lowering& lowering, const Node& node, std::size_t i, float fallback) {
  if (i >= node.inputs.size() || !node.inputs[i].valid()) return fallback;
  const Tensor* tensor = lowering.constant(node.inputs[i]);
  if (tensor == nullptr || tensor->dtype() != DType::kFloat32 || tensor->element_count() != 1) return {};
  return tensor->data<float>()[0];
}

std::optional<Activation> clip_of(const Lowering& lowering, const Node& node) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::optional<float> lo = scalar_input(lowering, node, 1, -kInfinity),
                             hi = scalar_input(lowering, node, 2, kInfinity);
  if (!lo || !hi || std::isnan(*lo) || std::isnan(*hi)) return {};
  // ONNX: where the bounds cross, the upper one wins; min(hi, max(lo, x)) does the same.
  return kernels::clip(*lo, *hi);
}

std::optional<Activation> prelu_of(Lowering& lowering, const Node& node, std::size_t channel_axis) {
  const Tensor* slope = lowering.constant(node.inputs[1]);
  const Dims* dims = lowering.dims(node.inputs[0]);
  if (slope == nullptr || slope->dtype() != DType::kFloat32 || dims == nullptr || slope->rank() > dims->size() ||
      channel_axis >= dims->size())
    return {};
  if (slope->element_count() == 1)
    return Activation{.kind = ActivationKind::kLeakyRelu, .alpha = slope->data<float>()[0]};
  const std::size_t lead = dims->size() - slope->rank();
  for (std::size_t i = 0; i < slope->rank(); ++i) {
    if (slope->dim(i) != (lead + i == channel_axis ? (*dims)[channel_axis] : 1)) return {};
  }
  BufferId buffer;
  std::byte* memory = lowering.constant_memory(slope->byte_count(), buffer);
  std::ranges::copy(slope->data<float>(), reinterpret_cast<float*>(memory));
  return Activation{.kind = ActivationKind::kPRelu, .slope = reinterpret_cast<const float*>(memory)};
}

std::optional<Activation> with_alpha(const Node& node, ActivationKind kind, float fallback) {
  const Result<float> alpha = get_float(node, "alpha", fallback);
  if (!alpha) return {};
  return Activation{.kind = kind, .alpha = *alpha};
}

// The only Mul that multiplies `value` by `factor`, where `factor` has no other use, or an invalid id.
NodeId product_of(const Lowering& lowering, ValueId value, ValueId factor) {
  const NodeId user = lowering.only_user(factor);
  if (!user.valid()) return {};
  const Node& node = lowering.graph().node(user);
  if (node.op_type != "Mul" || !node.domain.empty()) return {};
  const bool both =
      (node.inputs[0] == value && node.inputs[1] == factor) || (node.inputs[1] == value && node.inputs[0] == factor);
  return both ? user : NodeId{};
}

// x * f(x), f one or two nodes.
std::optional<ActivationMatch> match_gated(Lowering& lowering, ValueId value) {
  const Graph& graph = lowering.graph();
  const std::vector<Use>& uses = graph.value(value).uses;
  if (graph.is_output(value) || uses.size() != 2 || uses[0].node == uses[1].node) return {};
  for (const Use use : uses) {
    if (use.input == Use::kCaptured) return {};
    const Node& gate = graph.node(use.node);
    if (!gate.domain.empty() || gate.outputs.empty() || !gate.outputs[0].valid()) continue;
    ActivationMatch match;
    match.nodes.push_back(use.node);
    ValueId factor = gate.outputs[0];
    if (gate.op_type == "Sigmoid") {
      match.activation.kind = ActivationKind::kSilu;
    } else if (gate.op_type == "HardSigmoid") {
      const Result<float> alpha = get_float(gate, "alpha", 0.2f), beta = get_float(gate, "beta", 0.5f);
      if (!alpha || !beta || std::fabs(*alpha - 1.0f / 6) > 1e-7f || *beta != 0.5f) continue;
      match.activation.kind = ActivationKind::kHardSwish;
    } else if (gate.op_type == "Softplus") {
      const NodeId tanh = lowering.only_user(factor);
      if (!tanh.valid() || graph.node(tanh).op_type != "Tanh") continue;
      match.activation.kind = ActivationKind::kMish;
      match.nodes.push_back(tanh);
      factor = graph.node(tanh).outputs[0];
    } else {
      continue;
    }
    const NodeId product = product_of(lowering, value, factor);
    if (!product.valid()) continue;
    match.nodes.push_back(product);
    match.output = graph.node(product).outputs[0];
    return match;
  }
  return {};
}

}  // namespace

std::optional<Activation> activation_of(Lowering& lowering, const Node& node, std::size_t channel_axis) {
  if (!node.domain.empty()) return {};
  const std::string& op = node.op_type;
  if (op == "Relu") return kernels::relu();
  if (op == "Clip") return clip_of(lowering, node);
  if (op == "LeakyRelu") return with_alpha(node, ActivationKind::kLeakyRelu, 0.01f);
  if (op == "Elu") return with_alpha(node, ActivationKind::kElu, 1.0f);
  if (op == "PRelu") return prelu_of(lowering, node, channel_axis);
  if (op == "Sigmoid") return Activation{.kind = ActivationKind::kSigmoid};
  if (op == "Tanh") return Activation{.kind = ActivationKind::kTanh};
  if (op == "HardSwish") return Activation{.kind = ActivationKind::kHardSwish};
  if (op == "Mish") return Activation{.kind = ActivationKind::kMish};
  if (op == "HardSigmoid") {
    std::optional<Activation> activation = with_alpha(node, ActivationKind::kHardSigmoid, 0.2f);
    const Result<float> beta = get_float(node, "beta", 0.5f);
    if (!activation || !beta) return {};
    activation->beta = *beta;
    return activation;
  }
  if (op == "Swish") {
    const Result<float> alpha = get_float(node, "alpha", 1.0f);
    if (!alpha || *alpha != 1.0f) return {};
    return Activation{.kind = ActivationKind::kSilu};
  }
  if (op == "Gelu") {
    const Result<std::string> approximate = get_string(node, "approximate", "none");
    if (!approximate) return {};
    return Activation{.kind = *approximate == "tanh" ? ActivationKind::kGeluTanh : ActivationKind::kGelu};
  }
  return {};
}

std::optional<ActivationMatch> match_activation(Lowering& lowering, ValueId value, std::size_t channel_axis) {
  const NodeId user = lowering.only_user(value);
  if (!user.valid()) return match_gated(lowering, value);
  const Node& node = lowering.graph().node(user);
  if (node.inputs[0] != value || lowering.dtype(value) != DType::kFloat32) return {};
  const std::optional<Activation> activation = activation_of(lowering, node, channel_axis);
  if (!activation) return {};
  return ActivationMatch{.activation = *activation, .nodes = {user}, .output = node.outputs[0]};
}

std::optional<ActivationMatch> match_clip(Lowering& lowering, ValueId value) {
  const NodeId user = lowering.only_user(value);
  if (!user.valid()) return {};
  const Node& node = lowering.graph().node(user);
  if (node.op_type != "Relu" && node.op_type != "Clip") return {};
  return match_activation(lowering, value, 1);
}

}  // namespace cycloid
