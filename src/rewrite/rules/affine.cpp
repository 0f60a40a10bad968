#include "rewrite/rules/affine.h"

#include <algorithm>
#include <cmath>

#include "rewrite/match.h"

namespace cycloid {
namespace {

using Doubles = std::vector<double>;

std::optional<Doubles> doubles(const Tensor* tensor) {
  if (tensor == nullptr) return std::nullopt;
  Doubles values;
  const bool known = dispatch<float, double>(
      tensor->dtype(), [&]<class T>(T) { values.assign(tensor->data<T>().begin(), tensor->data<T>().end()); });
  if (!known) return std::nullopt;
  return values;
}

// Rounded to `dtype`; nullopt where one is not finite there.
std::optional<Tensor> rounded(DType dtype, const Dims& dims, const Doubles& values) {
  auto tensor = Tensor::zeros(dtype, dims);
  if (!tensor) return std::nullopt;
  bool finite = true;
  dispatch<float, double>(dtype, [&]<class T>(T) {
    auto elements = tensor->mutable_data<T>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      elements[i] = static_cast<T>(values[i]);
      finite = finite && std::isfinite(elements[i]);
    }
  });
  if (!finite) return std::nullopt;
  return *std::move(tensor);
}

// Weights times the factor of the channel each belongs to.
template <class ChannelOf>
std::optional<Tensor> scaled(const Tensor& weights, const Doubles& factor, ChannelOf channel_of) {
  auto values = doubles(&weights);
  if (!values) return std::nullopt;
  for (std::size_t i = 0; i < values->size(); ++i) (*values)[i] *= factor[channel_of(i)];
  return rounded(weights.dtype(), weights.dims(), *values);
}

bool only_factors(const ScaleAndShift& map) {
  return std::ranges::all_of(map.shift, [](double x) { return x == 0; });
}

// A bias per channel times its factor, plus the shift.
std::optional<Tensor> new_bias(const std::optional<Doubles>& bias, const ScaleAndShift& map, DType dtype) {
  Doubles result = map.shift;
  for (std::size_t c = 0; bias && c < result.size(); ++c) result[c] += (*bias)[c] * map.factor[c];
  return rounded(dtype, {static_cast<std::int64_t>(result.size())}, result);
}

// The constant at input `i` as one number per channel. Absent: no value. Not that: nullopt of the outer optional.
std::optional<std::optional<Doubles>> optional_bias(const RuleContext& context, const Node& node, std::size_t i,
                                                    const Channels& channels) {
  if (!has_input(node, i)) return std::optional<Doubles>();
  const Tensor* tensor = context.constant(node.inputs[i]);
  if (tensor == nullptr) return std::nullopt;
  auto values = per_channel(*tensor, 1, 0, channels.count);
  if (!values) return std::nullopt;
  return values;
}

std::optional<Patch::Ref> into_conv(const RuleContext& context, Patch& patch, const Node& conv,
                                    const Channels& channels, const ScaleAndShift& map) {
  const Tensor& w = *context.constant(conv.inputs[1]);
  const auto bias = optional_bias(context, conv, 2, channels);
  if (!bias) return std::nullopt;
  std::optional<Tensor> weights;
  const auto count = static_cast<std::size_t>(w.element_count());
  if (conv.op_type == "Conv") {
    const std::size_t each = count / channels.count;
    weights = scaled(w, map.factor, [&](std::size_t i) { return i / each; });
  } else {  // ConvTranspose: [in, out / groups, kernel...]
    const auto groups = static_cast<std::size_t>(*get_int(conv, "group", 1));
    const auto in = static_cast<std::size_t>(w.dim(0));
    const auto out = static_cast<std::size_t>(w.dim(1));
    const std::size_t kernel = count / (in * out);
    weights = scaled(w, map.factor,
                     [&](std::size_t i) { return i / (kernel * out) / (in / groups) * out + i / kernel % out; });
  }
  const auto shift = new_bias(*bias, map, w.dtype());
  if (!weights || !shift) return std::nullopt;
  std::vector<Patch::Ref> inputs = {conv.inputs[0], patch.constant(context.value(conv.inputs[1]).name, *weights)};
  if (*bias || !only_factors(map)) inputs.push_back(patch.constant("bias", *shift));
  return patch.node(conv.op_type, std::move(inputs), conv.attributes);
}

std::optional<Patch::Ref> into_batch_norm(const RuleContext& context, Patch& patch, const Node& norm,
                                          const Channels& channels, const ScaleAndShift& map) {
  const auto scale = optional_bias(context, norm, 1, channels);
  const auto bias = optional_bias(context, norm, 2, channels);
  if (!scale || !*scale || !bias || !*bias) return std::nullopt;
  const DType dtype = context.dtype(norm.inputs[1]);
  ScaleAndShift factors = map;
  std::ranges::fill(factors.shift, 0);
  const auto new_scale = new_bias(*scale, factors, dtype);
  const auto shift = new_bias(*bias, map, dtype);
  if (!new_scale || !shift) return std::nullopt;
  std::vector<Patch::Ref> inputs(norm.inputs.begin(), norm.inputs.end());
  inputs[1] = patch.constant(context.value(norm.inputs[1]).name, *new_scale);
  inputs[2] = patch.constant(context.value(norm.inputs[2]).name, *shift);
  return patch.node("BatchNormalization", std::move(inputs), norm.attributes);
}

// Gemm, and MatMul of matrices, which becomes a Gemm where there is a shift.
std::optional<Patch::Ref> into_gemm(const RuleContext& context, Patch& patch, const Node& gemm,
                                    const Channels& channels, const ScaleAndShift& map) {
  const Tensor& w = *context.constant(gemm.inputs[1]);
  const bool is_matmul = gemm.op_type == "MatMul";
  const auto transposed = get_int(gemm, "transB", 0);
  const auto beta = get_float(gemm, "beta", 1);
  const auto bias = is_matmul ? std::optional<Doubles>() : optional_bias(context, gemm, 2, channels);
  if (!transposed || !beta || !bias) return std::nullopt;
  const std::size_t columns = channels.count;
  const std::size_t rows = static_cast<std::size_t>(w.element_count()) / columns;
  const auto weights = scaled(w, map.factor, [&](std::size_t i) { return *transposed != 0 ? i / rows : i % columns; });
  if (!weights) return std::nullopt;
  std::vector<Patch::Ref> inputs = {gemm.inputs[0], patch.constant(context.value(gemm.inputs[1]).name, *weights)};
  if (is_matmul && only_factors(map)) return patch.node("MatMul", std::move(inputs));
  if (is_matmul && channels.rank != 2) return std::nullopt;
  std::optional<Doubles> old = is_matmul ? std::nullopt : *bias;
  if (old) std::ranges::for_each(*old, [&](double& x) { x *= *beta; });
  const auto shift = new_bias(old, map, w.dtype());
  if (!shift) return std::nullopt;
  if (old || !only_factors(map)) inputs.push_back(patch.constant("bias", *shift));
  Attributes attributes = gemm.attributes;
  attributes.erase("beta");
  return patch.node("Gemm", std::move(inputs), std::move(attributes));
}

}  // namespace

std::optional<Doubles> per_channel(const Tensor& tensor, std::size_t rank, std::size_t axis, std::size_t channels) {
  auto values = doubles(&tensor);
  if (!values || tensor.rank() > rank || values->empty()) return std::nullopt;
  const std::size_t missing = rank - tensor.rank();
  for (std::size_t i = 0; i < tensor.rank(); ++i) {
    const bool is_channel = i + missing == axis && tensor.dim(i) == static_cast<std::int64_t>(channels);
    if (tensor.dim(i) != 1 && !is_channel) return std::nullopt;
  }
  if (values->size() == 1) values->assign(channels, values->front());
  return values;
}

std::optional<Channels> output_channels(const RuleContext& context, const Node& producer) {
  if (!producer.domain.empty() || producer.inputs.size() < 2) return std::nullopt;
  const Shape* shape = context.shape(producer.outputs[0]);
  const Tensor* w = context.constant(producer.inputs[1]);
  if (shape == nullptr || w == nullptr || w->element_count() == 0) return std::nullopt;
  Channels channels{shape->size(), 1, 0};
  if (producer.op_type == "Conv" || producer.op_type == "ConvTranspose") {
    const auto groups = get_int(producer, "group", 1);
    if (!groups || *groups < 1 || w->rank() < 3) return std::nullopt;
    channels.count = static_cast<std::size_t>(producer.op_type == "Conv" ? w->dim(0) : w->dim(1) * *groups);
  } else if (producer.op_type == "BatchNormalization") {
    const auto training = get_int(producer, "training_mode", 0);
    if (!training || *training != 0 || shape->size() < 2) return std::nullopt;
    channels.count = static_cast<std::size_t>(w->element_count());
  } else if (producer.op_type == "Gemm" && w->rank() == 2) {
    const auto transposed = get_int(producer, "transB", 0);
    if (!transposed) return std::nullopt;
    channels.count = static_cast<std::size_t>(*transposed != 0 ? w->dim(0) : w->dim(1));
  } else if (producer.op_type == "MatMul" && w->rank() == 2 && !shape->empty()) {
    channels.axis = shape->size() - 1;
    channels.count = static_cast<std::size_t>(w->dim(1));
  } else {
    return std::nullopt;
  }
  return channels;
}

std::optional<Patch::Ref> take_in(const RuleContext& context, Patch& patch, const Node& producer,
                                  const Channels& channels, const ScaleAndShift& map) {
  const auto finite = [](double x) { return std::isfinite(x); };
  if (!std::ranges::all_of(map.factor, finite) || !std::ranges::all_of(map.shift, finite)) return std::nullopt;
  if (producer.op_type == "Conv" || producer.op_type == "ConvTranspose")
    return into_conv(context, patch, producer, channels, map);
  if (producer.op_type == "BatchNormalization") return into_batch_norm(context, patch, producer, channels, map);
  return into_gemm(context, patch, producer, channels, map);
}

}  // namespace cycloid
