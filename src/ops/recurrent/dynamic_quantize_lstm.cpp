// com.microsoft.DynamicQuantizeLSTM: an LSTM with 8-bit weights, whose input and state are rounded to 8 bits on the fly.
// W is (directions, input, 4 * hidden) and R (directions, hidden, 4 * hidden): transposed against LSTM's. Inputs 8 to 11
// are W's scale and zero point and R's: one a direction, or one a direction and column.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "ops/linalg/product.h"
#include "ops/recurrent/list.h"
#include "ops/recurrent/recurrent.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

constexpr DTypeSet kWeights{DType::kInt8, DType::kUInt8};
constexpr DTypeSet kFloatOnly{DType::kFloat32};

Result<RecurrentAttributes> parse(const Node& node) {
  return RecurrentAttributes::parse(node, {"Sigmoid", "Tanh", "Tanh"});
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(RecurrentAttributes attributes, parse(context.node()));
  CYCLOID_TRY(input_type(context, 0, kFloatOnly));
  CYCLOID_TRY(input_type(context, 1, kWeights));
  CYCLOID_ASSIGN(const ValueType r, input_type(context, 2, kWeights));
  if (attributes.hidden_size == 0 && r.shape && r.shape->size() == 3 && (*r.shape)[1].is_known()) {
    attributes.hidden_size = (*r.shape)[1].value();
  }
  return infer_recurrent(context, attributes, 4, false);
}

// The values as the nearest of 256 steps over their range, which holds 0: what quantize-multiply-dequantize sees.
void round_to_8_bits(const double* from, double* to, std::int64_t count) {
  float low = 0;
  float high = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    low = std::min(low, static_cast<float>(from[i]));
    high = std::max(high, static_cast<float>(from[i]));
  }
  const float scale = high == low ? 1.0F : (high - low) / 255.0F;
  const float zero = std::clamp(std::nearbyintf(-low / scale), 0.0F, 255.0F);
  for (std::int64_t i = 0; i < count; ++i) {
    const float quantized = std::clamp(std::nearbyintf(static_cast<float>(from[i]) / scale) + zero, 0.0F, 255.0F);
    to[i] = static_cast<double>(quantized - zero) * static_cast<double>(scale);
  }
}

// Direction `d` of 8-bit weights (directions, rows, columns) as real numbers.
Result<std::vector<double>> real_weights(const EvalContext& context, std::size_t weights_input, std::size_t scale_input,
                                         std::int64_t d, const Dims& dims) {
  CYCLOID_ASSIGN(const Tensor* weights, tensor_input(context, weights_input, kWeights));
  CYCLOID_ASSIGN(const Tensor* scale, tensor_input(context, scale_input, kFloatOnly));
  CYCLOID_ASSIGN(const Tensor* zero, tensor_input(context, scale_input + 1, kWeights));
  if (weights->dims() != dims)
    return invalid_argument("weights must have shape {}, but have {}", to_string(dims), to_string(weights->dims()));
  const std::int64_t columns = dims[2];
  const bool per_column = scale->dims() == Dims{dims[0], columns};
  if (!per_column && scale->dims() != Dims{dims[0]})
    return invalid_argument("the scale of weights {} has shape {}", to_string(dims), to_string(scale->dims()));
  if (zero->dims() != scale->dims() || zero->dtype() != weights->dtype())
    return invalid_argument("scale and zero point of the weights do not fit");
  CYCLOID_ASSIGN(const auto values, doubles(*weights));
  CYCLOID_ASSIGN(const auto scales, doubles(*scale));
  CYCLOID_ASSIGN(const auto zeros, doubles(*zero));
  const std::int64_t count = dims[1] * columns;
  std::vector<double> real(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(per_column ? d * columns + i % columns : d);
    real[static_cast<std::size_t>(i)] = (values[static_cast<std::size_t>(d * count + i)] - zeros[at]) * scales[at];
  }
  return real;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const RecurrentAttributes a, parse(context.node()));
  CYCLOID_TRY(tensor_input(context, 0, kFloatOnly));
  CYCLOID_ASSIGN(const Tensor* r, tensor_input(context, 2, kWeights));
  CYCLOID_TRY(check_rank(*r, 3, "R"));
  CYCLOID_ASSIGN(RecurrentInputs inputs, RecurrentInputs::read_without_weights(context, a, 4, r->dim(1)));
  const RecurrentSizes s = inputs.sizes;
  for (std::int64_t d = 0; d < a.directions; ++d) {
    RecurrentWeights& weights = inputs.weights[static_cast<std::size_t>(d)];
    CYCLOID_ASSIGN(weights.w, real_weights(context, 1, 8, d, {a.directions, s.input, 4 * s.hidden}));
    CYCLOID_ASSIGN(weights.r, real_weights(context, 2, 10, d, {a.directions, s.hidden, 4 * s.hidden}));
  }
  round_to_8_bits(inputs.x.data(), inputs.x.data(), static_cast<std::int64_t>(inputs.x.size()));
  return run_recurrent(context, a, std::move(inputs), 4, lstm_step(a, s.hidden, round_to_8_bits));
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  const Shape* x = input_shape(graph, node, 0);
  const Shape* r = input_shape(graph, node, 2);
  if (x == nullptr || r == nullptr || x->size() != 3 || r->size() != 3)
    return cost_with_flops(graph, node, Dim::unknown());
  const Dim hidden = (*r)[1];
  return cost_with_flops(graph, node, (*x)[0] * (*x)[1] * (*r)[0] * hidden * 8 * ((*x)[2] + hidden));
}

}  // namespace

const Op kDynamicQuantizeLSTM = {.domain = "com.microsoft",
                                 .name = "DynamicQuantizeLSTM",
                                 .since = 1,
                                 .min_inputs = 3,
                                 .max_inputs = 12,
                                 .min_outputs = 0,
                                 .max_outputs = 3,
                                 .infer = infer,
                                 .evaluate = evaluate,
                                 .cost = cost};

}  // namespace cycloid
