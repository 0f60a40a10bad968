// FusedConv, FusedGemm and FusedMatMul: products with what comes before or after them in one node.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/contrib/activation.h"
#include "ops/contrib/list.h"
#include "ops/elements.h"
#include "ops/linalg/gemm.h"
#include "ops/linalg/matmul.h"
#include "ops/linalg/product.h"
#include "ops/nn/conv.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"

namespace cycloid {

Result<FusedActivation> FusedActivation::make(std::string name, const std::vector<float>& parameters) {
  constexpr std::pair<std::string_view, std::size_t> kKnown[] = {
      {"", 0}, {"Relu", 0}, {"Tanh", 0}, {"Sigmoid", 0}, {"LeakyRelu", 1}, {"Clip", 2}, {"HardSigmoid", 2}};
  const auto* const known =
      std::ranges::find(kKnown, std::string_view(name), &std::pair<std::string_view, std::size_t>::first);
  if (known == std::end(kKnown)) return unsupported("the activation '{}' is not known", name);
  if (parameters.size() < known->second)
    return invalid_model("the activation '{}' needs {} parameters, not {}", name, known->second, parameters.size());
  FusedActivation activation;
  activation.name = std::move(name);
  activation.parameters.assign(parameters.begin(), parameters.end());
  return activation;
}

Result<std::vector<Datum>> FusedActivation::apply(const EvalContext& context, std::vector<Datum> data) const {
  if (name.empty()) return data;
  const Tensor* x = data.empty() ? nullptr : data[0].tensor();
  if (x == nullptr) return invalid_argument("an activation needs a tensor");
  CYCLOID_ASSIGN(std::vector<double> values, doubles(*x));
  for (double& value : values) {
    if (name == "Relu") value = std::max(value, 0.0);
    if (name == "Tanh") value = std::tanh(value);
    if (name == "Sigmoid") value = 1 / (1 + std::exp(-value));
    if (name == "LeakyRelu") value = value < 0 ? parameters[0] * value : value;
    if (name == "Clip") value = std::min(std::max(value, parameters[0]), parameters[1]);
    if (name == "HardSigmoid") value = std::min(std::max(parameters[0] * value + parameters[1], 0.0), 1.0);
  }
  CYCLOID_ASSIGN(data[0], make_tensor<double>(context, x->dtype(), x->dims(), values));
  return data;
}

namespace {

// --- Conv, plus a tensor Z of its output's shape, under an activation.
Result<FusedActivation> conv_activation(const Node& node) {
  CYCLOID_ASSIGN(std::string name, get_string(node, "activation", ""));
  CYCLOID_ASSIGN(const auto parameters, get_floats(node, "activation_params"));
  return FusedActivation::make(std::move(name), parameters);
}

Status infer_conv(InferContext& context) {
  CYCLOID_TRY(conv_activation(context.node()));
  if (context.input_count() > 3) CYCLOID_TRY(optional_input_type(context, 3, kFloats));
  return kConv.infer(context);
}

Result<std::vector<Datum>> evaluate_conv(EvalContext& context) {
  CYCLOID_ASSIGN(const FusedActivation activation, conv_activation(context.node()));
  CYCLOID_ASSIGN(std::vector<Datum> data, kConv.evaluate(context));
  const Tensor* z = nullptr;
  if (context.input_count() > 3) {
    CYCLOID_ASSIGN(z, optional_tensor_input(context, 3, kFloats));
  }
  if (z != nullptr) {
    const Tensor& y = *data[0].tensor();
    if (z->dims() != y.dims() || z->dtype() != y.dtype())
      return invalid_argument("Z {} does not fit the output {}", to_string(z->dims()), to_string(y.dims()));
    CYCLOID_ASSIGN(std::vector<double> values, doubles(y));
    CYCLOID_ASSIGN(const std::vector<double> added, doubles(*z));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += added[i];
    CYCLOID_ASSIGN(data[0], make_tensor<double>(context, y.dtype(), y.dims(), values));
  }
  return activation.apply(context, std::move(data));
}

Result<Cost> cost_conv(const Graph& graph, const Node& node) { return kConv.cost(graph, node); }

// --- Gemm under an activation.
Result<FusedActivation> gemm_activation(const Node& node) {
  CYCLOID_ASSIGN(std::string name, get_string(node, "activation", ""));
  std::vector<float> parameters;
  for (const char* which : {"activation_alpha", "activation_beta", "activation_gamma"}) {
    if (!has_attribute(node, which)) break;
    CYCLOID_ASSIGN(const float value, get_float(node, which, 0));
    parameters.push_back(value);
  }
  return FusedActivation::make(std::move(name), parameters);
}

Status infer_gemm(InferContext& context) {
  CYCLOID_TRY(gemm_activation(context.node()));
  return kGemm.infer(context);
}

Result<std::vector<Datum>> evaluate_gemm(EvalContext& context) {
  CYCLOID_ASSIGN(const FusedActivation activation, gemm_activation(context.node()));
  CYCLOID_ASSIGN(std::vector<Datum> data, kGemm.evaluate(context));
  return activation.apply(context, std::move(data));
}

Result<Cost> cost_gemm(const Graph& graph, const Node& node) { return kGemm.cost(graph, node); }

// --- alpha * A' B', where ' swaps the last two axes (trans) or moves the first one behind the batch axes (transBatch).
struct FusedMatMulAttributes {
  double alpha = 1;
  bool trans[2] = {};
  bool trans_batch[2] = {};

  static Result<FusedMatMulAttributes> parse(const Node& node) {
    FusedMatMulAttributes a;
    CYCLOID_ASSIGN(const float alpha, get_float(node, "alpha", 1));
    a.alpha = static_cast<double>(alpha);
    for (const std::size_t i : {0U, 1U}) {
      CYCLOID_ASSIGN(const std::int64_t trans, get_int(node, i == 0 ? "transA" : "transB", 0));
      CYCLOID_ASSIGN(const std::int64_t batch, get_int(node, i == 0 ? "transBatchA" : "transBatchB", 0));
      a.trans[i] = trans != 0;
      a.trans_batch[i] = batch != 0;
    }
    return a;
  }

  // The order of operand i's axes; operands of rank 1 have none to swap.
  std::vector<std::int64_t> order(std::size_t i, std::size_t rank) const {
    std::vector<std::int64_t> axes;
    for (std::size_t axis = 0; axis < rank; ++axis) axes.push_back(static_cast<std::int64_t>(axis));
    if (rank < 2) return axes;
    if (trans_batch[i]) std::rotate(axes.begin(), axes.begin() + 1, axes.end() - 1);
    if (trans[i]) std::swap(axes[rank - 1], axes[rank - 2]);
    return axes;
  }
};

Status infer_matmul(InferContext& context) {
  CYCLOID_ASSIGN(const FusedMatMulAttributes a, FusedMatMulAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const ValueType left, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const ValueType right, input_type(context, 1, kFloats));
  CYCLOID_TRY(check_same_dtype(left, right, "A and B"));
  ValueType y = ValueType::tensor(left.dtype);
  if (left.shape && right.shape) {
    Shape shapes[2];
    for (const std::size_t i : {0U, 1U}) {
      const Shape& from = i == 0 ? *left.shape : *right.shape;
      for (const std::int64_t axis : a.order(i, from.size())) shapes[i].push_back(from[static_cast<std::size_t>(axis)]);
    }
    CYCLOID_ASSIGN(y.shape, matmul_shape(shapes[0], shapes[1]));
  }
  context.set_output(0, std::move(y));
  return {};
}

Result<std::vector<Datum>> evaluate_matmul(EvalContext& context) {
  CYCLOID_ASSIGN(const FusedMatMulAttributes a, FusedMatMulAttributes::parse(context.node()));
  Tensor operands[2];
  for (const std::size_t i : {0U, 1U}) {
    CYCLOID_ASSIGN(const Tensor* tensor, tensor_input(context, i, kFloats));
    CYCLOID_ASSIGN(operands[i], transposed(*tensor, a.order(i, tensor->rank())));
  }
  CYCLOID_TRY(check_same_dtype(operands[0], operands[1], "A and B"));
  CYCLOID_ASSIGN(const MatMulPlan plan, MatMulPlan::make(operands[0].dims(), operands[1].dims()));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, plan.dims));
  CYCLOID_ASSIGN(const std::vector<double> left, doubles(operands[0]));
  CYCLOID_ASSIGN(const std::vector<double> right, doubles(operands[1]));
  std::vector<double> y(static_cast<std::size_t>(*element_count(plan.dims)));
  double* to = y.data();
  for (std::size_t p = 0; p < plan.a_offsets.size(); ++p, to += plan.m * plan.n) {
    const MatrixView<double> first{left.data() + plan.a_offsets[p], plan.k, 1};
    const MatrixView<double> second{right.data() + plan.b_offsets[p], plan.n, 1};
    matrix_product(plan.m, plan.n, plan.k, first, second,
                   [&](std::int64_t i, std::int64_t j, double sum) { to[i * plan.n + j] = a.alpha * sum; });
  }
  CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, operands[0].dtype(), plan.dims, y));
  return outputs(std::move(result));
}

Result<Cost> cost_matmul(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const FusedMatMulAttributes a, FusedMatMulAttributes::parse(node));
  const Shape* left = input_shape(graph, node, 0);
  if (left == nullptr || left->empty()) return cost_with_flops(graph, node, Dim::unknown());
  return cost_per_output(graph, node, (*left)[static_cast<std::size_t>(a.order(0, left->size()).back())] * 2);
}

}  // namespace

const Op kFusedConv = {.domain = kMicrosoft,
                       .name = "FusedConv",
                       .min_inputs = 2,
                       .max_inputs = 4,
                       .infer = infer_conv,
                       .evaluate = evaluate_conv,
                       .cost = cost_conv,
                       .dtypes = kFloats};
const Op kFusedGemm = {.domain = kMicrosoft,
                       .name = "FusedGemm",
                       .min_inputs = 2,
                       .max_inputs = 3,
                       .infer = infer_gemm,
                       .evaluate = evaluate_gemm,
                       .cost = cost_gemm,
                       .dtypes = kFloats};
const Op kFusedMatMul = {.domain = kMicrosoft,
                         .name = "FusedMatMul",
                         .min_inputs = 2,
                         .max_inputs = 2,
                         .infer = infer_matmul,
                         .evaluate = evaluate_matmul,
                         .cost = cost_matmul,
                         .dtypes = kFloats};

}  // namespace cycloid
