#include "ops/quantization/quantize.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/cost.h"
#include "ops/elements.h"
#include "ops/elementwise/cast.h"
#include "ops/infer.h"
#include "ops/quantization/quantized.h"
#include "tensor/float8.h"

namespace cycloid {
namespace {

using Outputs = Result<std::vector<Datum>>;

constexpr DTypeSet kReals{DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kInt32, DType::kFloat64};

Status check_scale(const InferContext& context, const QuantizeAttributes& attributes) {
  const Shape* x = shape_of(context, 0);
  const Shape* scale = shape_of(context, 1);
  if (x == nullptr || scale == nullptr) return {};
  const auto x_dims = known_dims(*x);
  const auto scale_dims = known_dims(*scale);
  if (!x_dims || !scale_dims) return {};
  CYCLOID_TRY(ScaleIndex::make(*x_dims, *scale_dims, attributes.axis, attributes.block_size));
  return {};
}

Result<DType> quantized_dtype(const QuantizeAttributes& attributes, DType zero_point) {
  if (zero_point == DType::kUndefined)
    return attributes.output_dtype == DType::kUndefined ? DType::kUInt8 : attributes.output_dtype;
  if (attributes.output_dtype != DType::kUndefined && attributes.output_dtype != zero_point) {
    return invalid_model("output_dtype is {}, but the zero point is {}", to_string(attributes.output_dtype),
                         to_string(zero_point));
  }
  return zero_point;
}

Status infer_quantize(InferContext& context) {
  CYCLOID_ASSIGN(const QuantizeAttributes attributes, QuantizeAttributes::parse(context.node()));
  CYCLOID_TRY(check_tensor(context, 1));
  CYCLOID_TRY(check_dtype(context, 2, kQuantized));
  CYCLOID_TRY(check_scale(context, attributes));
  DType dtype = DType::kUndefined;  // that of a zero point whose type is not known
  if (!has_input(context, 2) || dtype_of(context, 2) != DType::kUndefined) {
    CYCLOID_ASSIGN(dtype, quantized_dtype(attributes, dtype_of(context, 2)));
    if (!kQuantized.contains(dtype))
      return invalid_model("it quantises to {}, not to {}", to_string(kQuantized), to_string(dtype));
  }
  const Shape* shape = shape_of(context, 0);
  context.set_output(0, tensor_type(dtype, shape != nullptr ? std::optional(*shape) : std::nullopt));
  return {};
}

Outputs evaluate_quantize(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* scale, context.tensor(1));
  CYCLOID_ASSIGN(const QuantizeAttributes attributes, QuantizeAttributes::parse(context.node()));
  const Tensor* zero_point = context.optional_tensor(2);
  CYCLOID_ASSIGN(const DType dtype,
                 quantized_dtype(attributes, zero_point != nullptr ? zero_point->dtype() : DType::kUndefined));
  CYCLOID_ASSIGN(const ScaleIndex index,
                 ScaleIndex::make(x->dims(), scale->dims(), attributes.axis, attributes.block_size));
  const std::vector<double> scales = load_all<double>(*scale);
  CYCLOID_ASSIGN(const std::vector<double> zeros, zero_points(context, 2, scales.size()));
  // The quotient has the precision that the node asks for, that of the scale, or where a scale is a bare power of two that
  // of x.
  DType precision = attributes.precision;
  if (precision == DType::kUndefined) precision = scale->dtype() == DType::kFloat8E8M0 ? x->dtype() : scale->dtype();
  std::vector<double> values = load_all<double>(*x);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t k = index.at(static_cast<std::int64_t>(i));
    const double quotient = round_to(precision, round_to(precision, values[i]) / round_to(precision, scales[k]));
    values[i] = quantize(quotient, zeros[k], dtype);
  }
  if (!is_float8(dtype) || attributes.saturate) return quantized_output(context, dtype, x->dims(), values);
  CYCLOID_ASSIGN(Tensor y, context.allocate(dtype, x->dims()));
  auto* to = reinterpret_cast<std::uint8_t*>(y.mutable_bytes());
  for (std::size_t i = 0; i < values.size(); ++i) to[i] = float_to_float8(dtype, static_cast<float>(values[i]), false);
  return std::vector<Datum>{std::move(y)};
}

Status infer_dequantize(InferContext& context) {
  CYCLOID_ASSIGN(const QuantizeAttributes attributes, QuantizeAttributes::parse(context.node()));
  CYCLOID_TRY(check_tensor(context, 1));
  CYCLOID_TRY(common_dtype(context, {0, 2}));
  CYCLOID_TRY(check_scale(context, attributes));
  const Shape* shape = shape_of(context, 0);
  const DType dtype = attributes.output_dtype != DType::kUndefined ? attributes.output_dtype : dtype_of(context, 1);
  context.set_output(0, tensor_type(dtype, shape != nullptr ? std::optional(*shape) : std::nullopt));
  return {};
}

Outputs evaluate_dequantize(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* scale, context.tensor(1));
  CYCLOID_ASSIGN(const QuantizeAttributes attributes, QuantizeAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const ScaleIndex index,
                 ScaleIndex::make(x->dims(), scale->dims(), attributes.axis, attributes.block_size));
  const std::vector<double> scales = load_all<double>(*scale);
  CYCLOID_ASSIGN(const std::vector<double> zeros, zero_points(context, 2, scales.size()));
  std::vector<double> values = load_all<double>(*x);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t k = index.at(static_cast<std::int64_t>(i));
    values[i] = (values[i] - zeros[k]) * scales[k];
  }
  const DType dtype = attributes.output_dtype != DType::kUndefined ? attributes.output_dtype : scale->dtype();
  return quantized_output(context, dtype, x->dims(), values);
}

Status infer_dynamic(InferContext& context) {
  const Shape* shape = shape_of(context, 0);
  context.set_output(0, tensor_type(DType::kUInt8, shape != nullptr ? std::optional(*shape) : std::nullopt));
  context.set_output(1, ValueType::tensor(DType::kFloat32, {}));
  context.set_output(2, ValueType::tensor(DType::kUInt8, {}));
  return {};
}

Outputs evaluate_dynamic(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  const DynamicQuantization quantization = DynamicQuantization::of(load_all<double>(*x));
  CYCLOID_ASSIGN(std::vector<Datum> outputs, quantized_output(context, DType::kUInt8, x->dims(), quantization.values));
  outputs.emplace_back(Tensor::scalar(quantization.scale));
  outputs.emplace_back(Tensor::scalar(static_cast<std::uint8_t>(quantization.zero_point)));
  return outputs;
}

constexpr Op quantize_op(std::string_view domain, std::int64_t since) {
  return {
      .domain = domain,
      .name = "QuantizeLinear",
      .since = since,
      .min_inputs = 2,
      .max_inputs = 3,
      .infer = infer_quantize,
      .evaluate = evaluate_quantize,
      .cost = cost_per_output<2>,
      .dtypes = kReals,
  };
}

constexpr Op dequantize_op(std::string_view domain, std::int64_t since) {
  return {
      .domain = domain,
      .name = "DequantizeLinear",
      .since = since,
      .min_inputs = 2,
      .max_inputs = 3,
      .infer = infer_dequantize,
      .evaluate = evaluate_dequantize,
      .cost = cost_per_output<2>,
      .dtypes = kQuantized | DTypeSet{DType::kInt32},
  };
}

constexpr Op kMicrosoftOps[] = {quantize_op("com.microsoft", 1), dequantize_op("com.microsoft", 1)};

}  // namespace

Result<QuantizeAttributes> QuantizeAttributes::parse(const Node& node) {
  QuantizeAttributes attributes;
  CYCLOID_ASSIGN(attributes.axis, get_int(node, "axis", 1));
  CYCLOID_ASSIGN(attributes.block_size, get_int(node, "block_size", 0));
  CYCLOID_ASSIGN(attributes.output_dtype, get_dtype(node, "output_dtype"));
  CYCLOID_ASSIGN(attributes.precision, get_dtype(node, "precision"));
  CYCLOID_ASSIGN(const std::int64_t saturate, get_int(node, "saturate", 1));
  attributes.saturate = saturate != 0;
  return attributes;
}

DynamicQuantization DynamicQuantization::of(const std::vector<double>& x) {
  DynamicQuantization result;
  float low = 0;  // the range holds 0, so that 0 is exact
  float high = 0;
  for (const double value : x) {
    low = std::min(low, static_cast<float>(value));
    high = std::max(high, static_cast<float>(value));
  }
  if (high > low) result.scale = (high - low) / 255.0F;
  const auto zero = static_cast<double>(0.0F - low / result.scale);
  result.zero_point = zero > 0 ? std::min(std::nearbyint(zero), 255.0) : 0;  // NaN where the range is infinite
  for (const double value : x) {
    const float quotient = static_cast<float>(value) / result.scale;
    result.values.push_back(quantize(static_cast<double>(quotient), result.zero_point, DType::kUInt8));
  }
  return result;
}

constinit const Op kQuantizeLinear = quantize_op("", 28);
constinit const Op kDequantizeLinear = dequantize_op("", 28);
constinit const Op kDynamicQuantizeLinear{
    .name = "DynamicQuantizeLinear",
    .since = 11,
    .min_inputs = 1,
    .max_inputs = 1,
    .min_outputs = 3,
    .max_outputs = 3,
    .infer = infer_dynamic,
    .evaluate = evaluate_dynamic,
    .cost = cost_per_input<4>,
    .dtypes = {DType::kFloat32},
};

void add_quantize_ops(OpList& list) {
  list.insert(list.end(), {&kQuantizeLinear, &kDequantizeLinear, &kDynamicQuantizeLinear});
  for (const Op& op : kMicrosoftOps) list.push_back(&op);
}

}  // namespace cycloid
