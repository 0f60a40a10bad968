#include "plan/fusion/affine.h"

#include <algorithm>
#include <cmath>

namespace cycloid {
namespace {

std::optional<Dims> float_dims(const Graph& graph, ValueId id) {
  const ValueType& type = graph.value(id).type;
  if (!type.is_tensor() || type.dtype != DType::kFloat32 || !type.shape) return {};
  return known_dims(*type.shape);
}

// One number per channel of a tensor of rank `rank`, from a constant that broadcasts so.
std::optional<std::vector<double>> per_channel(const Tensor* constant, std::size_t rank, std::int64_t channels) {
  if (constant == nullptr || constant->dtype() != DType::kFloat32 || constant->rank() > rank) return {};
  const std::span<const float> data = constant->data<float>();
  if (constant->element_count() == 1) return std::vector<double>(static_cast<std::size_t>(channels), data[0]);
  const std::size_t lead = rank - constant->rank();
  for (std::size_t i = 0; i < constant->rank(); ++i) {
    if (constant->dim(i) != (lead + i == 1 ? channels : 1)) return {};
  }
  if (static_cast<std::int64_t>(data.size()) != channels) return {};
  return std::vector<double>(data.begin(), data.end());
}

std::optional<ChannelAffine> batch_normalization(const Graph& graph, const Node& node) {
  const Result<std::int64_t> training = get_int(node, "training_mode", 0);
  const Result<float> epsilon = get_float(node, "epsilon", 1e-5f);
  if (!training || *training != 0 || !epsilon || node.inputs.size() != 5) return {};
  const std::optional<Dims> dims = float_dims(graph, node.inputs[0]);
  if (!dims || dims->size() < 2) return {};
  const auto channels = static_cast<std::size_t>((*dims)[1]);
  std::span<const float> constants[4];
  for (std::size_t i = 0; i < 4; ++i) {
    const Tensor* tensor = graph.constant(node.inputs[i + 1]);
    if (tensor == nullptr || tensor->dtype() != DType::kFloat32 ||
        static_cast<std::size_t>(tensor->element_count()) != channels)
      return {};
    constants[i] = tensor->data<float>();
  }
  ChannelAffine affine{.input = node.inputs[0], .worth_joining = true};
  for (std::size_t c = 0; c < channels; ++c) {
    const double scale = static_cast<double>(constants[0][c]) /
                         std::sqrt(static_cast<double>(constants[3][c]) + static_cast<double>(*epsilon));
    affine.scale.push_back(scale);
    affine.shift.push_back(static_cast<double>(constants[1][c]) - static_cast<double>(constants[2][c]) * scale);
  }
  return affine;
}

}  // namespace

std::optional<ChannelAffine> channel_affine(const Graph& graph, const Node& node) {
  if (!node.domain.empty() || node.outputs.empty() || !node.outputs[0].valid()) return {};
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    if (node.outputs[i].valid() && !graph.is_dead(node.outputs[i])) return {};
  }
  std::optional<ChannelAffine> affine;
  if (node.op_type == "BatchNormalization") {
    affine = batch_normalization(graph, node);
  } else if (node.op_type == "Mul" || node.op_type == "Add" || node.op_type == "Sub" || node.op_type == "Div") {
    const bool second = graph.constant(node.inputs[1]) != nullptr;
    const ValueId input = node.inputs[second ? 0 : 1];
    const Tensor* constant = graph.constant(node.inputs[second ? 1 : 0]);
    const std::optional<Dims> dims = float_dims(graph, input);
    const bool divide = node.op_type == "Div";
    constexpr std::int64_t kMostChannels = 1 << 20;  // each has numbers of its own from here on
    if (!dims || dims->size() < 3 || (*dims)[1] > kMostChannels || (divide && !second)) return {};
    const auto values = per_channel(constant, dims->size(), (*dims)[1]);
    if (!values) return {};
    affine = ChannelAffine{.input = input, .worth_joining = constant->element_count() > 1};
    for (const double value : *values) {
      const bool scales = node.op_type == "Mul" || divide;
      const bool subtracts = node.op_type == "Sub";
      affine->scale.push_back(scales ? (divide ? 1 / value : value) : (subtracts && !second ? -1 : 1));
      affine->shift.push_back(scales ? 0 : (subtracts && second ? -value : value));
    }
  }
  if (!affine) return {};
  const auto finite = [](const std::vector<double>& values) {
    return std::ranges::all_of(values, [](double v) { return std::isfinite(v); });
  };
  if (!finite(affine->scale) || !finite(affine->shift)) return {};
  return affine;
}

}  // namespace cycloid
