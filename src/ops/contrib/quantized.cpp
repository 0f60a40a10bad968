// QGemm, QLinearSoftmax and QLinearWhere: what quantised models contain beside the operators of ops/quantization.
#include "ops/quantization/quantized.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/broadcast.h"
#include "ops/contrib/list.h"
#include "ops/cost.h"
#include "ops/elements.h"
#include "ops/lanes.h"
#include "ops/linalg/gemm.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

constexpr DTypeSet kScaleType{DType::kFloat32};

Result<float> scale_at(const EvalContext& context, std::size_t i) {
  CYCLOID_TRY(tensor_input(context, i, kScaleType));
  CYCLOID_ASSIGN(const double scale, scalar_input(context, i, 1));
  return static_cast<float>(scale);
}

bool given(const EvalContext& context, std::size_t i) {
  return i < context.input_count() && context.input(i) != nullptr;
}

// --- QGemm: A, a_scale, a_zero_point, B, b_scale, b_zero_point, C (int32, of scale alpha * a_scale * b_scale), y_scale,
// y_zero_point. B's scale and zero point may be those of its columns. Without y_scale the result is real.
Status infer_gemm(InferContext& context) {
  CYCLOID_ASSIGN(const GemmAttributes a, GemmAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const ValueType left, input_type(context, 0, kBytes));
  CYCLOID_ASSIGN(const ValueType right, input_type(context, 3, kBytes));
  CYCLOID_TRY(optional_input_type(context, 6, DTypeSet{DType::kInt32}));
  CYCLOID_ASSIGN(const auto scale, optional_input_type(context, 7, kScaleType));
  CYCLOID_ASSIGN(const auto zero, optional_input_type(context, 8, kBytes));
  ValueType y = ValueType::tensor(!scale ? DType::kFloat32 : zero ? zero->dtype : left.dtype);
  if (left.shape && right.shape) {
    CYCLOID_ASSIGN(y.shape, a.output_shape(*left.shape, *right.shape));
  }
  context.set_output(0, std::move(y));
  return {};
}

// Input `i` as one number for each of `columns`: it has one, or as many.
Result<std::vector<double>> by_column(const EvalContext& context, std::size_t i, std::int64_t columns,
                                      double fallback) {
  if (!given(context, i)) return std::vector<double>(static_cast<std::size_t>(columns), fallback);
  CYCLOID_ASSIGN(const Tensor* tensor, tensor_input(context, i, kScaleType | kBytes));
  CYCLOID_ASSIGN(std::vector<double> values, doubles(*tensor));
  if (values.size() == 1) values.resize(static_cast<std::size_t>(columns), values[0]);
  if (values.size() != static_cast<std::size_t>(columns))
    return invalid_argument("input {} of shape {} for {} columns", i, to_string(tensor->dims()), columns);
  return values;
}

Result<std::vector<Datum>> evaluate_gemm(EvalContext& context) {
  CYCLOID_ASSIGN(const GemmAttributes a, GemmAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* left_tensor, tensor_input(context, 0, kBytes));
  CYCLOID_ASSIGN(const Tensor* right_tensor, tensor_input(context, 3, kBytes));
  CYCLOID_ASSIGN(const Shape shape, a.output_shape(to_shape(left_tensor->dims()), to_shape(right_tensor->dims())));
  CYCLOID_ASSIGN(const Dims dims, concrete(shape));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, dims));
  CYCLOID_ASSIGN(const float left_scale, scale_at(context, 1));
  CYCLOID_ASSIGN(const double left_zero, scalar_input(context, 2, 0));
  CYCLOID_ASSIGN(const std::vector<double> scales, by_column(context, 4, dims[1], 1));
  CYCLOID_ASSIGN(const std::vector<double> zeros, by_column(context, 5, dims[1], 0));
  CYCLOID_ASSIGN(std::vector<double> left, doubles(*left_tensor));
  CYCLOID_ASSIGN(std::vector<double> right, doubles(*right_tensor));
  for (double& value : left) value -= left_zero;
  const std::int64_t depth = left_tensor->dim(a.trans_a ? 0 : 1);
  const std::int64_t row = right_tensor->dim(1);
  for (std::size_t i = 0; i < right.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    right[i] -= zeros[static_cast<std::size_t>(a.trans_b ? at / row : at % row)];
  }
  std::vector<double> sums(static_cast<std::size_t>(*element_count(dims)));
  if (given(context, 6)) {
    CYCLOID_ASSIGN(const Tensor* c, tensor_input(context, 6, DTypeSet{DType::kInt32}));
    if (!broadcasts_to(to_shape(c->dims()), to_shape(dims)))
      return invalid_argument("C {} cannot be broadcast to {}", to_string(c->dims()), to_string(dims));
    CYCLOID_ASSIGN(const std::vector<double> values, doubles(*c));
    std::vector<std::int64_t> offsets(sums.size());
    BroadcastWalk(c->dims(), dims).next(offsets);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = values[static_cast<std::size_t>(offsets[i])];
  }
  const MatrixView<double> first{left.data(), a.trans_a ? 1 : depth, a.trans_a ? dims[0] : 1};
  const MatrixView<double> second{right.data(), a.trans_b ? 1 : row, a.trans_b ? row : 1};
  matrix_product(dims[0], dims[1], depth, first, second, [&](std::int64_t i, std::int64_t j, double sum) {
    sums[static_cast<std::size_t>(i * dims[1] + j)] += sum;
  });
  const bool real = !given(context, 7);
  float y_scale = 1;
  if (!real) {
    CYCLOID_ASSIGN(y_scale, scale_at(context, 7));
  }
  CYCLOID_ASSIGN(const double y_zero, real ? Result<double>(0.0) : scalar_input(context, 8, 0));
  const DType dtype = real                ? DType::kFloat32
                      : given(context, 8) ? context.input(8)->tensor()->dtype()
                                          : left_tensor->dtype();
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const auto column = i % static_cast<std::size_t>(dims[1]);
    const float factor = a.alpha * left_scale * static_cast<float>(scales[column]) / y_scale;
    const float value = static_cast<float>(sums[i]) * factor;  // in float32, as it rounds elsewhere
    sums[i] = real ? static_cast<double>(value) : quantize(static_cast<double>(value), y_zero, dtype);
  }
  return quantized_output(context, dtype, dims, sums);
}

// --- QLinearSoftmax: X, x_scale, x_zero_point, y_scale, y_zero_point. Before opset 13 the axes from `axis` on are one.
Result<std::int64_t> softmax_axis(const Node& node, std::size_t rank) {
  CYCLOID_ASSIGN(const std::int64_t axis, get_int(node, "axis", -1));
  return normalize_axis(axis, rank);
}

Status infer_softmax(InferContext& context) {
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kBytes));
  CYCLOID_TRY(get_int(context.node(), "opset", 0));
  if (x.shape) CYCLOID_TRY(softmax_axis(context.node(), x.shape->size()));
  context.set_output(0, std::move(x));
  return {};
}

Result<std::vector<Datum>> evaluate_softmax(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kBytes));
  CYCLOID_ASSIGN(const std::int64_t opset, get_int(context.node(), "opset", 0));
  CYCLOID_ASSIGN(const std::int64_t axis, softmax_axis(context.node(), x->rank()));
  CYCLOID_ASSIGN(const float x_scale, scale_at(context, 1));
  CYCLOID_ASSIGN(const float y_scale, scale_at(context, 3));
  CYCLOID_ASSIGN(const double y_zero, scalar_input(context, 4, 0));
  Dims dims = x->dims();
  if (opset < 13) {
    const Lanes lanes(dims, axis);
    dims = {lanes.outer, lanes.length * lanes.inner};
  }
  const Lanes lanes(dims, opset < 13 ? 1 : axis);
  CYCLOID_ASSIGN(std::vector<double> values, doubles(*x));
  std::vector<double> lane(static_cast<std::size_t>(lanes.length));
  for (std::int64_t i = 0; i < lanes.count() && lanes.length > 0; ++i) {
    double* first = values.data() + lanes.start(i);
    for (std::int64_t k = 0; k < lanes.length; ++k) lane[static_cast<std::size_t>(k)] = first[k * lanes.inner];
    const double most = *std::ranges::max_element(lane);
    double sum = 0;
    for (double& value : lane) sum += value = std::exp((value - most) * static_cast<double>(x_scale));
    for (std::int64_t k = 0; k < lanes.length; ++k) {
      const double real = lane[static_cast<std::size_t>(k)] / sum;
      first[k * lanes.inner] = quantize(real / static_cast<double>(y_scale), y_zero, x->dtype());
    }
  }
  return quantized_output(context, x->dtype(), x->dims(), values);
}

// --- QLinearWhere: condition, X, x_scale, x_zero_point, Y, y_scale, y_zero_point, z_scale, z_zero_point.
Status infer_where(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType condition, input_type(context, 0, kBools));
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 1, kBytes));
  CYCLOID_ASSIGN(const ValueType y, input_type(context, 4, kBytes));
  CYCLOID_TRY(check_same_dtype(x, y, "X and Y"));
  ValueType z = ValueType::tensor(x.dtype);
  if (condition.shape && x.shape && y.shape) {
    CYCLOID_ASSIGN(z.shape, broadcast(*x.shape, *y.shape));
    CYCLOID_ASSIGN(z.shape, broadcast(*condition.shape, *z.shape));
  }
  context.set_output(0, std::move(z));
  return {};
}

Result<std::vector<Datum>> evaluate_where(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* condition, tensor_input(context, 0, kBools));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 1, kBytes));
  CYCLOID_ASSIGN(const Tensor* y, tensor_input(context, 4, kBytes));
  CYCLOID_TRY(check_same_dtype(*x, *y, "X and Y"));
  float scales[3] = {};
  double zeros[3] = {};
  for (const std::size_t i : {0U, 1U, 2U}) {
    const std::size_t at = i == 0 ? 2 : i == 1 ? 5 : 7;
    CYCLOID_ASSIGN(scales[i], scale_at(context, at));
    CYCLOID_ASSIGN(zeros[i], scalar_input(context, at + 1, 0));
  }
  const DType dtype = x->dtype();
  ElementKernel kernel;
  kernel.i64 = [&](const std::int64_t* const* in, std::int64_t* out, std::size_t n) {
    for (std::size_t k = 0; k < n; ++k) {
      const std::size_t which = in[0][k] != 0 ? 0 : 1;
      const float real = static_cast<float>(static_cast<double>(in[1 + which][k]) - zeros[which]) * scales[which];
      out[k] = static_cast<std::int64_t>(quantize(static_cast<double>(real / scales[2]), zeros[2], dtype));
    }
  };
  const Tensor* const inputs[] = {condition, x, y};
  CYCLOID_ASSIGN(Tensor z, map_broadcast(context, inputs, dtype, kernel));
  return outputs(std::move(z));
}

Result<Cost> cost_gemm(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const GemmAttributes a, GemmAttributes::parse(node));
  const Shape* left = input_shape(graph, node, 0);
  if (left == nullptr || left->size() != 2) return cost_with_flops(graph, node, Dim::unknown());
  return cost_per_output(graph, node, (*left)[a.trans_a ? 0 : 1] * 2);
}

}  // namespace

const Op kQGemm = {.domain = kMicrosoft,
                   .name = "QGemm",
                   .min_inputs = 1,
                   .max_inputs = 9,
                   .infer = infer_gemm,
                   .evaluate = evaluate_gemm,
                   .cost = cost_gemm,
                   .dtypes = kBytes};
const Op kQLinearSoftmax = {.domain = kMicrosoft,
                            .name = "QLinearSoftmax",
                            .min_inputs = 1,
                            .max_inputs = 5,
                            .infer = infer_softmax,
                            .evaluate = evaluate_softmax,
                            .cost = cost_per_output<5>,
                            .dtypes = kBytes};
const Op kQLinearWhere = {.domain = kMicrosoft,
                          .name = "QLinearWhere",
                          .min_inputs = 1,
                          .max_inputs = 9,
                          .infer = infer_where,
                          .evaluate = evaluate_where,
                          .cost = cost_per_output<1>,
                          .dtypes = kBools};

}  // namespace cycloid
