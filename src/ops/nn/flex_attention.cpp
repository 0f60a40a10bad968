// FlexAttention (ai.onnx.preview): attention whose scores and probabilities subgraphs may change.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/nn/attention.h"
#include "ops/nn/list.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

constexpr std::string_view kScoreMod = "score_mod";
constexpr std::string_view kProbMod = "prob_mod";

// The type of scores and probabilities.
Result<DType> softmax_type(const Node& node, DType dtype) {
  if (!has_attribute(node, "softmax_precision")) return dtype == DType::kFloat64 ? dtype : DType::kFloat32;
  CYCLOID_ASSIGN(const std::int64_t given, get_int(node, "softmax_precision", 0));
  for (const DType one : {DType::kFloat16, DType::kBFloat16, DType::kFloat32, DType::kFloat64}) {
    if (static_cast<std::int64_t>(one) == given) return one;
  }
  return invalid_model("softmax_precision {} is no floating-point type", given);
}

Status check_modifier(InferContext& context, std::string_view name, const ValueType& type) {
  if (!has_attribute(context.node(), name)) return {};
  CYCLOID_ASSIGN(const GraphPtr body, get_graph(context.node(), name));
  if (body->inputs().size() != 1) return invalid_model("{} must have one input, not {}", name, body->inputs().size());
  CYCLOID_ASSIGN(const auto types, context.infer_subgraph(name, std::span(&type, 1)));
  if (types.size() != 1) return invalid_model("{} must have one output, not {}", name, types.size());
  const bool other = types[0].dtype != DType::kUndefined && types[0].dtype != type.dtype;
  if (other || (types[0].kind != ValueType::Kind::kUnknown && !types[0].is_tensor()))
    return invalid_model("{} makes {} of {}", name, to_string(types[0]), to_string(type));
  return {};
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType q, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const ValueType k, input_type(context, 1, kFloats));
  CYCLOID_ASSIGN(const ValueType v, input_type(context, 2, kFloats));
  CYCLOID_TRY(check_same_dtype(q, k, "Q and K"));
  CYCLOID_TRY(check_same_dtype(q, v, "Q and V"));
  for (const ValueType* type : {&q, &k, &v}) CYCLOID_TRY(check_rank(*type, 4, "Q, K and V"));
  ValueType y = ValueType::tensor(v.dtype);
  CYCLOID_ASSIGN(const DType dtype, softmax_type(context.node(), q.dtype));
  ValueType scores = ValueType::tensor(dtype);
  if (q.shape && k.shape && v.shape) {
    CYCLOID_ASSIGN(const AttentionSizes s, attention_sizes({}, *q.shape, *k.shape, *v.shape));
    y.shape = Shape{s.batch, s.q_heads, s.q_length, s.v_head_size};
    scores.shape = Shape{s.batch, s.q_heads, s.q_length, s.kv_length};
  }
  CYCLOID_TRY(check_modifier(context, kScoreMod, scores));
  CYCLOID_TRY(check_modifier(context, kProbMod, scores));
  context.set_output(0, std::move(y));
  return {};
}

// What the subgraph makes of `x`: the same type and shape, or an error.
Result<Tensor> modified(EvalContext& context, std::string_view name, Tensor x) {
  if (!has_attribute(context.node(), name)) return x;
  const Datum input(x);
  CYCLOID_ASSIGN(const auto results, context.run_subgraph(name, std::span(&input, 1)));
  const Tensor* y = results.size() == 1 ? results[0].tensor() : nullptr;
  if (y == nullptr || y->dtype() != x.dtype() || y->dims() != x.dims())
    return invalid_model("{} must make one tensor of the type and shape {} of its input", name, to_string(x.dims()));
  return *y;
}

// Every row becomes exp(x) / sum(exp(x)).
void softmax_rows(std::vector<double>& x, std::size_t length) {
  for (std::size_t first = 0; first < x.size(); first += length) {
    const auto row = std::span(x).subspan(first, length);
    const double most = *std::ranges::max_element(row);
    double sum = 0;
    for (double& value : row) sum += value = std::exp(value - most);
    for (double& value : row) value /= sum;
  }
}

// One product for each query head, whose key and value head is `shared` times smaller: for all i < rows, j < columns
// store(image, i, j, sum). Matrices are (images, heads, rows, columns) in order; b is read transposed where asked.
std::vector<double> head_products(const std::vector<double>& a, const std::vector<double>& b, std::int64_t heads,
                                  std::int64_t shared, std::int64_t m, std::int64_t k, std::int64_t n,
                                  bool transposed) {
  const std::int64_t images = m * k == 0 ? 0 : static_cast<std::int64_t>(a.size()) / (m * k);
  std::vector<double> y(static_cast<std::size_t>(images * m * n));
  for (std::int64_t image = 0; image < images; ++image) {
    const std::int64_t other = image / heads * (heads / shared) + image % heads / shared;
    const MatrixView<double> left{a.data() + image * m * k, k, 1};
    const MatrixView<double> right{b.data() + other * k * n, transposed ? 1 : n, transposed ? k : 1};
    matrix_product<double>(m, n, k, left, right, [&](std::int64_t i, std::int64_t j, double sum) {
      y[static_cast<std::size_t>((image * m + i) * n + j)] = sum;
    });
  }
  return y;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* q, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* k, tensor_input(context, 1, kFloats));
  CYCLOID_ASSIGN(const Tensor* v, tensor_input(context, 2, kFloats));
  for (const Tensor* tensor : {q, k, v}) CYCLOID_TRY(check_rank(*tensor, 4, "Q, K and V"));
  CYCLOID_ASSIGN(const AttentionSizes s,
                 attention_sizes({}, to_shape(q->dims()), to_shape(k->dims()), to_shape(v->dims())));
  const Dims score_dims{q->dim(0), q->dim(1), q->dim(2), k->dim(2)};
  const Dims y_dims{q->dim(0), q->dim(1), q->dim(2), v->dim(3)};
  for (const Dims& dims : {score_dims, y_dims}) {
    CYCLOID_TRY(concrete(to_shape(dims)));
    CYCLOID_TRY(check_fits(context, DType::kFloat64, dims));
  }
  CYCLOID_ASSIGN(const DType dtype, softmax_type(context.node(), q->dtype()));
  CYCLOID_ASSIGN(const float given, get_float(context.node(), "scale", 1));
  const bool has_scale = has_attribute(context.node(), "scale");
  const double scale =
      has_scale ? static_cast<double>(given) : 1 / std::sqrt(static_cast<double>(std::max<std::int64_t>(q->dim(3), 1)));
  const std::int64_t heads = q->dim(1);
  const std::int64_t shared = k->dim(1) == 0 ? 1 : heads / k->dim(1);
  CYCLOID_ASSIGN(const std::vector<double> queries, doubles(*q));
  CYCLOID_ASSIGN(const std::vector<double> keys, doubles(*k));
  CYCLOID_ASSIGN(const std::vector<double> values, doubles(*v));
  std::vector<double> scores = head_products(queries, keys, heads, shared, q->dim(2), q->dim(3), k->dim(2), true);
  scores.resize(static_cast<std::size_t>(*element_count(score_dims)));  // heads of no elements have scores of 0
  for (double& score : scores) score *= scale;
  CYCLOID_ASSIGN(Tensor score_tensor, make_tensor<double>(context, dtype, score_dims, scores));
  CYCLOID_ASSIGN(score_tensor, modified(context, kScoreMod, std::move(score_tensor)));
  CYCLOID_ASSIGN(std::vector<double> probabilities, doubles(score_tensor));
  softmax_rows(probabilities, static_cast<std::size_t>(k->dim(2)));
  CYCLOID_ASSIGN(Tensor prob_tensor, make_tensor<double>(context, dtype, score_dims, probabilities));
  CYCLOID_ASSIGN(prob_tensor, modified(context, kProbMod, std::move(prob_tensor)));
  CYCLOID_ASSIGN(probabilities, doubles(prob_tensor));
  std::vector<double> y = head_products(probabilities, values, heads, shared, q->dim(2), k->dim(2), v->dim(3), false);
  y.resize(static_cast<std::size_t>(*element_count(y_dims)));
  CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, v->dtype(), y_dims, y));
  return outputs(std::move(result));
}

// As Attention: two products of every query with every key, and about five operations a score for the softmax.
Result<Cost> cost(const Graph& graph, const Node& node) {
  const Shape* q = input_shape(graph, node, 0);
  const Shape* k = input_shape(graph, node, 1);
  const Shape* v = input_shape(graph, node, 2);
  if (q == nullptr || k == nullptr || v == nullptr) return cost_with_flops(graph, node, Dim::unknown());
  CYCLOID_ASSIGN(const AttentionSizes s, attention_sizes({}, *q, *k, *v));
  return cost_with_flops(graph, node,
                         s.batch * s.q_heads * s.q_length * s.kv_length * (s.head_size * 2 + s.v_head_size * 2 + 5));
}

}  // namespace

const Op kFlexAttention = {.domain = "ai.onnx.preview",
                           .name = "FlexAttention",
                           .since = 1,
                           .min_inputs = 3,
                           .max_inputs = 3,
                           .infer = infer,
                           .evaluate = evaluate,
                           .cost = cost};

}  // namespace cycloid
