// QLinearConv and ConvInteger.
#include <algorithm>
#include <cmath>

#include "plan/lowering/lowerings.h"
#include "plan/lowering/quantized.h"
#include "plan/lowering/window.h"

namespace cycloid {
namespace {

using kernels::QgemmOutput;
using kernels::QgemmParams;
using kernels::QgemmPlan;

// Which inputs are what.
struct Inputs {
  std::size_t x, x_zero, w, w_zero;
};

Declined find_window(Lowering& lowering, const Node& node, const Inputs& inputs, QgemmParams& params) {
  const ValueId x = node.inputs[inputs.x], y = node.outputs[0];
  const Tensor* w = lowering.constant(node.inputs[inputs.w]);
  if (w == nullptr) return "the weights are computed in the run";
  const Dims in = *lowering.dims(x), out = *lowering.dims(y);
  KernelWindow window;
  if (Declined reason =
          parse_window(node, in, out, std::span(w->dims()).subspan(std::min<std::size_t>(2, w->rank())), window);
      !reason.empty())
    return reason;
  const Result<std::int64_t> groups = get_int(node, "group", 1);
  if (!groups || *groups < 1 || in[1] % *groups != 0 || w->dim(0) != out[1] || out[1] % *groups != 0 ||
      w->dim(1) * *groups != in[1])
    return "weights that do not fit the groups";
  kernels::QgemmWindow& to = params.window.emplace();
  to.batch = in[0];
  to.in_c = in[1];
  to.groups = *groups;
  set_window(window, to);
  params.n = out[1] / *groups;
  params.b_transposed = true;
  params.a_signed = lowering.dtype(x) == DType::kInt8;
  params.b_signed = w->dtype() == DType::kInt8;
  params.threads = lowering.threads();
  return {};
}

// Whether all weights less their zero points are signed bytes.
bool weights_fit(const Tensor& w, const std::vector<std::int32_t>& zeros) {
  const std::int64_t each = w.element_count() / std::max<std::int64_t>(1, w.dim(0));
  const auto* data = reinterpret_cast<const std::uint8_t*>(w.bytes());
  for (std::int64_t i = 0; i < w.element_count(); ++i) {
    const std::int32_t q = w.dtype() == DType::kInt8 ? static_cast<std::int8_t>(data[i]) : data[i];
    const std::int32_t x = q - zeros[zeros.size() == 1 ? 0 : static_cast<std::size_t>(i / each)];
    if (x < -128 || x > 127) return false;
  }
  return true;
}

// Lowers the convolution whose ends are in `params` and `places` already.
Declined emit(Lowering& lowering, NodeId id, const Inputs& inputs, QgemmParams params, QgemmPlaces places) {
  const Node& node = lowering.graph().node(id);
  const Tensor& w = *lowering.constant(node.inputs[inputs.w]);
  const auto zeros = constant_numbers(lowering, node, inputs.w_zero, 0);
  if (!zeros || (zeros->size() != 1 && static_cast<std::int64_t>(zeros->size()) != w.dim(0)))
    return "zero points of the weights that are computed in the run";
  const auto x_zero = scalar_source(lowering, node, inputs.x_zero, 0);
  if (!x_zero) return "a zero point that is not one number";
  places.a_zero = *x_zero;
  const std::vector<std::int32_t> w_zeros = to_int32s(*zeros);
  params.b_fits = weights_fit(w, w_zeros);
  if (auto probe = kernels::select_qgemm(params, lowering.options().isa); std::holds_alternative<std::string>(probe))
    return std::get<std::string>(probe);
  places.a = lowering.read(node.inputs[inputs.x], Layout::kChannelsLast);
  places.c = lowering.define(node.outputs[0], Layout::kChannelsLast);
  params.window->in_stride = places.a.pixel_stride;
  params.c_stride = places.c.pixel_stride;
  const auto selection = kernels::select_qgemm(params, lowering.options().isa);
  CYCLOID_CHECK(std::holds_alternative<QgemmPlan>(selection));
  const QgemmPlan& plan = std::get<QgemmPlan>(selection);
  BufferId buffer;
  std::byte* memory = lowering.constant_memory(plan.packed_bytes, buffer);
  plan.pack(w.bytes(), w_zeros, memory);
  places.packed = memory;
  add_qgemm(lowering, plan, std::move(places), {.nodes = {id}});
  return {};
}

}  // namespace

Declined lower_conv_integer(Lowering& lowering, NodeId id) {
  const Inputs inputs{.x = 0, .x_zero = 2, .w = 1, .w_zero = 3};
  QgemmParams params;
  if (Declined reason = find_window(lowering, lowering.graph().node(id), inputs, params); !reason.empty())
    return reason;
  return emit(lowering, id, inputs, params, {});
}

Declined lower_qlinear_conv(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Inputs inputs{.x = 0, .x_zero = 2, .w = 3, .w_zero = 5};
  QgemmParams params;
  if (Declined reason = find_window(lowering, node, inputs, params); !reason.empty()) return reason;
  const auto filters = static_cast<std::size_t>((*lowering.dims(node.outputs[0]))[1]);
  const auto x_scale = constant_number(lowering, node, 1, 1), y_scale = constant_number(lowering, node, 6, 1),
             y_zero = constant_number(lowering, node, 7, 0);
  const auto w_scale = constant_numbers(lowering, node, 4, 1), bias = constant_numbers(lowering, node, 8, 0);
  if (!x_scale || !y_scale || !y_zero || !w_scale || !bias) return "scales or zero points that are computed in the run";
  if ((w_scale->size() != 1 && w_scale->size() != filters) || (bias->size() != 1 && bias->size() != filters))
    return "scales or a bias that do not fit the filters";
  std::vector<float> scales(filters);
  std::vector<std::int32_t> biases(filters);
  for (std::size_t j = 0; j < filters; ++j) {
    // The factor is rounded so by the reference evaluation, and by other runtimes.
    const float w = static_cast<float>((*w_scale)[w_scale->size() == 1 ? 0 : j]);
    scales[j] = static_cast<float>(*x_scale) * w / static_cast<float>(*y_scale);
    biases[j] = static_cast<std::int32_t>((*bias)[bias->size() == 1 ? 0 : j]);
    if (!std::isfinite(scales[j])) return "scales beyond float32";
  }
  params.output = QgemmOutput::kBytes;
  params.c_signed = lowering.dtype(node.outputs[0]) == DType::kInt8;
  QgemmPlaces places;
  places.scale = constant_array(lowering, scales);
  places.bias = constant_array(lowering, biases);
  places.c_zero = static_cast<std::int32_t>(*y_zero);
  return emit(lowering, id, inputs, params, std::move(places));
}

}  // namespace cycloid
