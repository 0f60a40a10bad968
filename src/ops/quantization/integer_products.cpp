#include "ops/quantization/integer_products.h"

#include <cmath>

#include "base/error.h"
#include "ops/broadcast.h"
#include "ops/cost.h"
#include "ops/elements.h"
#include "ops/infer.h"
#include "ops/linalg/matmul.h"
#include "ops/linalg/product.h"
#include "ops/nn/conv.h"
#include "ops/quantization/quantize.h"
#include "ops/quantization/quantized.h"

namespace cycloid {
namespace {

using Outputs = Result<std::vector<Datum>>;

// A scale or zero point of matrix operand `tensor`, one number for each element of a tensor of shape `dims`: a scalar, a
// vector with one number for each row of A or each column of B, or a tensor that broadcasts.
Result<std::vector<double>> spread(const Tensor* tensor, double fallback, bool rows, const Dims& dims) {
  const auto count = static_cast<std::size_t>(element_count(dims).value_or(0));
  if (tensor == nullptr) return std::vector<double>(count, fallback);
  const std::vector<double> values = load_all<double>(*tensor);
  if (values.size() == 1) return std::vector<double>(count, values[0]);
  Dims from = tensor->dims();
  if (rows && from.size() == 1) from.push_back(1);
  CYCLOID_ASSIGN(const Dims together, broadcast(from, dims));
  if (together != dims)
    return invalid_argument("a scale or zero point of shape {} does not fit {}", to_string(tensor->dims()),
                            to_string(dims));
  std::vector<std::int64_t> offsets(count);
  BroadcastWalk(from, dims).next(offsets);
  std::vector<double> result(count);
  for (std::size_t i = 0; i < count; ++i) result[i] = values[static_cast<std::size_t>(offsets[i])];
  return result;
}

// The elements of a matrix operand less their zero points.
Result<std::vector<double>> centred(const Tensor& tensor, const Tensor* zero_point, bool rows) {
  std::vector<double> values = load_all<double>(tensor);
  CYCLOID_ASSIGN(const std::vector<double> zeros, spread(zero_point, 0, rows, tensor.dims()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] -= zeros[i];
  return values;
}

struct Product {
  Dims dims;
  std::vector<double> sums;  // exact: 2^53 holds sums of 2^37 products of bytes
};

Result<Product> multiply(const EvalContext& context, const Tensor& a, const std::vector<double>& a_values,
                         const Tensor& b, const std::vector<double>& b_values) {
  CYCLOID_ASSIGN(const MatMulPlan plan, MatMulPlan::make(a.dims(), b.dims()));
  CYCLOID_TRY(context.allocate(DType::kFloat64, plan.dims));  // within the limit
  Product product{plan.dims, std::vector<double>(static_cast<std::size_t>(element_count(plan.dims).value_or(0)))};
  for (std::size_t batch = 0; batch < plan.a_offsets.size(); ++batch) {
    double* to = product.sums.data() + static_cast<std::int64_t>(batch) * plan.m * plan.n;
    const MatrixView<double> left{a_values.data() + plan.a_offsets[batch], plan.k, 1};
    const MatrixView<double> right{b_values.data() + plan.b_offsets[batch], plan.n, 1};
    matrix_product<double>(plan.m, plan.n, plan.k, left, right,
                           [&](std::int64_t i, std::int64_t j, double sum) { to[i * plan.n + j] = sum; });
  }
  return product;
}

// Output 0 of `dtype` and the shape of the product of inputs a and b.
Status infer_product(InferContext& context, std::size_t a, std::size_t b, DType dtype) {
  CYCLOID_TRY(check_tensor(context, a));
  CYCLOID_TRY(check_tensor(context, b));
  std::optional<Shape> shape;
  if (shape_of(context, a) != nullptr && shape_of(context, b) != nullptr) {
    CYCLOID_ASSIGN(shape, matmul_shape(*shape_of(context, a), *shape_of(context, b)));
  }
  context.set_output(0, tensor_type(dtype, std::move(shape)));
  return {};
}

Status infer_matmul_integer(InferContext& context) {
  CYCLOID_TRY(check_dtype(context, 1, kBytes));
  return infer_product(context, 0, 1, DType::kInt32);
}

Outputs evaluate_matmul_integer(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* a, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* b, context.tensor(1));
  CYCLOID_ASSIGN(const auto a_values, centred(*a, context.optional_tensor(2), true));
  CYCLOID_ASSIGN(const auto b_values, centred(*b, context.optional_tensor(3), false));
  CYCLOID_ASSIGN(const Product product, multiply(context, *a, a_values, *b, b_values));
  return quantized_output(context, DType::kInt32, product.dims, product.sums);
}

Status infer_qlinear_matmul(InferContext& context) {
  CYCLOID_TRY(check_dtype(context, 3, kQuantized));
  CYCLOID_TRY(check_dtype(context, 7, kQuantized));
  return infer_product(context, 0, 3, dtype_of(context, 7));
}

// sum * (a_scale * b_scale / y_scale), the factor and the product in float32 as runtimes have it.
double rescale(double sum, double a_scale, double b_scale, double y_scale) {
  const float factor = static_cast<float>(a_scale) * static_cast<float>(b_scale) / static_cast<float>(y_scale);
  return static_cast<double>(static_cast<float>(sum) * factor);
}

Outputs evaluate_qlinear_matmul(EvalContext& context) {
  const Tensor* inputs[8];
  for (std::size_t i = 0; i < 8; ++i) {
    CYCLOID_ASSIGN(inputs[i], context.tensor(i));
  }
  CYCLOID_ASSIGN(const auto a_values, centred(*inputs[0], inputs[2], true));
  CYCLOID_ASSIGN(const auto b_values, centred(*inputs[3], inputs[5], false));
  CYCLOID_ASSIGN(Product product, multiply(context, *inputs[0], a_values, *inputs[3], b_values));
  CYCLOID_ASSIGN(const auto a_scales, spread(inputs[1], 1, true, product.dims));
  CYCLOID_ASSIGN(const auto b_scales, spread(inputs[4], 1, false, product.dims));
  CYCLOID_ASSIGN(const auto y_scales, spread(inputs[6], 1, true, product.dims));
  CYCLOID_ASSIGN(const auto y_zeros, spread(inputs[7], 0, true, product.dims));
  const DType dtype = inputs[7]->dtype();
  for (std::size_t i = 0; i < product.sums.size(); ++i) {
    product.sums[i] = quantize(rescale(product.sums[i], a_scales[i], b_scales[i], y_scales[i]), y_zeros[i], dtype);
  }
  return quantized_output(context, dtype, product.dims, product.sums);
}

// --- Convolutions. The zero point of W is one for all filters or one for each.

Status infer_convolution(InferContext& context, std::size_t w, DType dtype) {
  CYCLOID_ASSIGN(const ConvAttributes attributes, ConvAttributes::parse(context.node()));
  CYCLOID_TRY(check_dtype(context, w, kBytes));
  std::optional<Shape> shape;
  if (shape_of(context, 0) != nullptr && shape_of(context, w) != nullptr) {
    CYCLOID_ASSIGN(shape, attributes.output_shape(*shape_of(context, 0), *shape_of(context, w)));
  }
  context.set_output(0, tensor_type(dtype, std::move(shape)));
  return {};
}

// One number for each filter from a tensor with one or with `filters` numbers.
Result<std::vector<double>> per_filter(const Tensor* tensor, double fallback, std::int64_t filters) {
  const auto count = static_cast<std::size_t>(filters);
  if (tensor == nullptr) return std::vector<double>(count, fallback);
  std::vector<double> values = load_all<double>(*tensor);
  if (values.size() == 1) values.assign(count, values[0]);
  if (values.size() != count)
    return invalid_argument("a scale or zero point has {} elements, but there are {} filters", values.size(), count);
  return values;
}

Result<Product> convolve_quantized(const EvalContext& context, const Tensor& x, double x_zero, const Tensor& w,
                                   const Tensor* w_zero_point) {
  CYCLOID_ASSIGN(const ConvAttributes attributes, ConvAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Window window, attributes.resolve(x.dims(), w.dims()));
  if (window.kernel.size() > 3) return unsupported("a convolution over {} spatial axes", window.kernel.size());
  Dims dims{x.dim(0), w.dim(0)};
  dims.insert(dims.end(), window.output.begin(), window.output.end());
  CYCLOID_TRY(context.allocate(DType::kFloat64, dims));  // within the limit
  Product product{dims, std::vector<double>(static_cast<std::size_t>(element_count(dims).value_or(0)))};
  if (product.sums.empty()) return product;
  CYCLOID_ASSIGN(const auto w_zeros, per_filter(w_zero_point, 0, w.dim(0)));
  std::vector<double> weights = load_all<double>(w);
  const std::size_t filter = weights.size() / w_zeros.size();
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] -= w_zeros[i / filter];
  const std::vector<double> from = load_all<double>(x);
  const std::int64_t positions = static_cast<std::int64_t>(product.sums.size()) / (dims[0] * dims[1]);
  convolve<double>(
      x.dims(), w.dims(), attributes.group, window,
      [&](std::int64_t i) { return from[static_cast<std::size_t>(i)] - x_zero; },
      [&](std::int64_t i) { return weights[static_cast<std::size_t>(i)]; },
      [&](std::int64_t n, std::int64_t m, std::int64_t at, double sum) {
        product.sums[static_cast<std::size_t>((n * dims[1] + m) * positions + at)] = sum;
      });
  return product;
}

Outputs evaluate_conv_integer(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* w, context.tensor(1));
  CYCLOID_ASSIGN(const double x_zero, scalar_input(context, 2, 0));
  CYCLOID_ASSIGN(const Product product, convolve_quantized(context, *x, x_zero, *w, context.optional_tensor(3)));
  return quantized_output(context, DType::kInt32, product.dims, product.sums);
}

Outputs evaluate_qlinear_conv(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const double x_scale, scalar_input(context, 1, 1));
  CYCLOID_ASSIGN(const double x_zero, scalar_input(context, 2, 0));
  CYCLOID_ASSIGN(const Tensor* w, context.tensor(3));
  CYCLOID_ASSIGN(const double y_scale, scalar_input(context, 6, 1));
  CYCLOID_ASSIGN(const Tensor* y_zero_point, context.tensor(7));
  CYCLOID_ASSIGN(const double y_zero, load_scalar<double>(*y_zero_point, "the zero point of Y"));
  CYCLOID_ASSIGN(Product product, convolve_quantized(context, *x, x_zero, *w, context.optional_tensor(5)));
  if (product.sums.empty()) return quantized_output(context, y_zero_point->dtype(), product.dims, product.sums);
  CYCLOID_ASSIGN(const auto w_scales, per_filter(context.optional_tensor(4), 1, w->dim(0)));
  CYCLOID_ASSIGN(const auto bias, per_filter(context.optional_tensor(8), 0, w->dim(0)));
  const std::size_t positions = product.sums.size() / static_cast<std::size_t>(product.dims[0] * product.dims[1]);
  for (std::size_t i = 0; i < product.sums.size(); ++i) {
    const std::size_t m = i / positions % bias.size();
    product.sums[i] =
        quantize(rescale(product.sums[i] + bias[m], x_scale, w_scales[m], y_scale), y_zero, y_zero_point->dtype());
  }
  return quantized_output(context, y_zero_point->dtype(), product.dims, product.sums);
}

// --- com.microsoft: products that are real numbers again. Inputs of both: A, B, scales, zero points, bias.

Status infer_to_float(InferContext& context) { return infer_product(context, 0, 1, DType::kFloat32); }

// y = sums * a_scale * b_scale + bias.
Outputs to_float_output(const EvalContext& context, Product product, double a_scale,
                        const std::vector<double>& b_scales, const Tensor* bias) {
  CYCLOID_ASSIGN(const auto biases, spread(bias, 0, false, product.dims));
  for (std::size_t i = 0; i < product.sums.size(); ++i)
    product.sums[i] = product.sums[i] * a_scale * b_scales[i] + biases[i];
  return quantized_output(context, DType::kFloat32, product.dims, product.sums);
}

// A (float), B, b_scale, b_zero_point, bias: A is quantised as DynamicQuantizeLinear does.
Outputs evaluate_dynamic_matmul(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* a, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* b, context.tensor(1));
  CYCLOID_ASSIGN(const Tensor* b_scale, context.tensor(2));
  DynamicQuantization quantization = DynamicQuantization::of(load_all<double>(*a));
  for (double& value : quantization.values) value -= quantization.zero_point;
  CYCLOID_ASSIGN(const auto b_values, centred(*b, context.optional_tensor(3), false));
  CYCLOID_ASSIGN(Product product, multiply(context, *a, quantization.values, *b, b_values));
  CYCLOID_ASSIGN(const auto b_scales, spread(b_scale, 1, false, product.dims));
  return to_float_output(context, std::move(product), static_cast<double>(quantization.scale), b_scales,
                         context.optional_tensor(4));
}

// A, B, a_scale, b_scale, a_zero_point, b_zero_point, bias.
Outputs evaluate_matmul_to_float(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* a, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* b, context.tensor(1));
  CYCLOID_ASSIGN(const double a_scale, scalar_input(context, 2, 1));
  CYCLOID_ASSIGN(const Tensor* b_scale, context.tensor(3));
  CYCLOID_ASSIGN(const auto a_values, centred(*a, context.optional_tensor(4), true));
  CYCLOID_ASSIGN(const auto b_values, centred(*b, context.optional_tensor(5), false));
  CYCLOID_ASSIGN(Product product, multiply(context, *a, a_values, *b, b_values));
  CYCLOID_ASSIGN(const auto b_scales, spread(b_scale, 1, false, product.dims));
  return to_float_output(context, std::move(product), a_scale, b_scales, context.optional_tensor(6));
}

// Two for each multiply-add, though of integers. B is input kB.
template <std::size_t kB>
Result<Cost> cost_of_product(const Graph& graph, const Node& node) {
  const ValueType& b = graph.value(node.inputs[kB]).type;
  const Dim depth = b.shape && b.shape->size() >= 2 ? (*b.shape)[b.shape->size() - 2] : Dim::unknown();
  return Cost{element_count_of(graph, node.outputs[0]) * depth * 2, bytes_of(graph, node)};
}

template <std::size_t kW>
Result<Cost> cost_of_convolution(const Graph& graph, const Node& node) {
  const ValueType& y = graph.value(node.outputs[0]).type;
  const ValueType& w = graph.value(node.inputs[kW]).type;
  const Dim flops = y.shape && w.shape ? convolution_multiply_adds(*y.shape, *w.shape) * 2 : Dim::unknown();
  return Cost{flops, bytes_of(graph, node)};
}

constexpr Op kMicrosoftOps[] = {
    {.domain = "com.microsoft",
     .name = "DynamicQuantizeMatMul",
     .min_inputs = 3,
     .max_inputs = 5,
     .infer = infer_to_float,
     .evaluate = evaluate_dynamic_matmul,
     .cost = cost_of_product<1>,
     .dtypes = {DType::kFloat32}},
    {.domain = "com.microsoft",
     .name = "MatMulIntegerToFloat",
     .min_inputs = 4,
     .max_inputs = 7,
     .infer = infer_to_float,
     .evaluate = evaluate_matmul_to_float,
     .cost = cost_of_product<1>,
     .dtypes = kBytes},
};

}  // namespace

constinit const Op kMatMulInteger{
    .name = "MatMulInteger",
    .since = 10,
    .min_inputs = 2,
    .max_inputs = 4,
    .infer = infer_matmul_integer,
    .evaluate = evaluate_matmul_integer,
    .cost = cost_of_product<1>,
    .dtypes = kBytes,
};

constinit const Op kQLinearMatMul{
    .name = "QLinearMatMul",
    .since = 21,
    .min_inputs = 8,
    .max_inputs = 8,
    .infer = infer_qlinear_matmul,
    .evaluate = evaluate_qlinear_matmul,
    .cost = cost_of_product<3>,
    .dtypes = kBytes | kFloat8s,
};

constinit const Op kConvInteger{
    .name = "ConvInteger",
    .since = 10,
    .min_inputs = 2,
    .max_inputs = 4,
    .infer = [](InferContext& context) { return infer_convolution(context, 1, DType::kInt32); },
    .evaluate = evaluate_conv_integer,
    .cost = cost_of_convolution<1>,
    .dtypes = kBytes,
};

constinit const Op kQLinearConv{
    .name = "QLinearConv",
    .since = 10,
    .min_inputs = 8,
    .max_inputs = 9,
    .infer = [](InferContext& context) { return infer_convolution(context, 3, dtype_of(context, 7)); },
    .evaluate = evaluate_qlinear_conv,
    .cost = cost_of_convolution<3>,
    .dtypes = kBytes,
};

void add_integer_product_ops(OpList& list) {
  list.insert(list.end(), {&kMatMulInteger, &kQLinearMatMul, &kConvInteger, &kQLinearConv});
  for (const Op& op : kMicrosoftOps) list.push_back(&op);
}

}  // namespace cycloid
