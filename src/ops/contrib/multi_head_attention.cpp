// MultiHeadAttention of com.microsoft: attention of queries, keys and values that other nodes projected.
#include "base/error.h"
#include "ops/contrib/attend.h"
#include "ops/contrib/list.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

constexpr DTypeSet kInt32Type{DType::kInt32};

// Query (batch, length, heads * size); key and value the same, or by heads (batch, heads, length, size).
Status check_layout(const Shape& q, const Shape& k, const Shape& v, std::int64_t heads) {
  if (q.size() != 3 || k.size() != v.size() || (k.size() != 3 && k.size() != 4))
    return invalid_argument("query {}, key {} and value {} do not fit", to_string(q), to_string(k), to_string(v));
  if (q[2].is_known() && (q[2].value() < heads || q[2].value() % heads != 0))
    return invalid_argument("a query of {} cannot be split into {} heads", q[2].value(), heads);
  CYCLOID_TRY(check_equal(q[0], k[0], "the batches of query and key"));
  CYCLOID_TRY(check_equal(k[0], v[0], "the batches of key and value"));
  if (k.size() == 3) {
    CYCLOID_TRY(check_equal(q[2], k[2], "the sizes of query and key"));
    if (v[2].is_known() && (v[2].value() < heads || v[2].value() % heads != 0))
      return invalid_argument("a value of {} cannot be split into {} heads", v[2].value(), heads);
    return check_equal(k[1], v[1], "the lengths of key and value");
  }
  CYCLOID_TRY(check_equal(k[1], heads, "the heads of key"));
  CYCLOID_TRY(check_equal(v[1], heads, "the heads of value"));
  CYCLOID_TRY(check_equal(k[3], Dim::floor_div(q[2], heads), "the sizes of query and key"));
  return check_equal(k[2], v[2], "the lengths of key and value");
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const AttendOptions options, AttendOptions::parse(context.node()));
  CYCLOID_ASSIGN(const ValueType q, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const auto k, optional_input_type(context, 1, kFloats));
  CYCLOID_ASSIGN(const auto v, optional_input_type(context, 2, kFloats));
  if (!k || !v) return unsupported("MultiHeadAttention whose keys and values are packed with the queries");
  CYCLOID_TRY(optional_input_type(context, 3, kFloats));
  CYCLOID_TRY(optional_input_type(context, 4, kInt32Type));
  CYCLOID_TRY(optional_input_type(context, 5, kFloats));
  CYCLOID_ASSIGN(const auto past, optional_input_type(context, 6, kFloats));
  CYCLOID_TRY(optional_input_type(context, 7, kFloats));
  if (past) CYCLOID_TRY(check_rank(*past, 4, "past_key"));
  ValueType types[3] = {ValueType::tensor(q.dtype), ValueType::tensor(q.dtype), ValueType::tensor(q.dtype)};
  if (q.shape && k->shape && v->shape) {
    CYCLOID_TRY(check_layout(*q.shape, *k->shape, *v->shape, options.heads));
    const bool by_heads = k->shape->size() == 4;
    const Dim v_size = by_heads ? (*v->shape)[3] : Dim::floor_div((*v->shape)[2], options.heads);
    const Dim length = (*k->shape)[by_heads ? 2 : 1];
    const Dim total = !past ? length : past->shape ? (*past->shape)[2] + length : Dim::unknown();
    types[0].shape = Shape{(*q.shape)[0], (*q.shape)[1], v_size * options.heads};
    types[1].shape = Shape{(*q.shape)[0], options.heads, total, Dim::floor_div((*q.shape)[2], options.heads)};
    types[2].shape = Shape{(*q.shape)[0], options.heads, total, v_size};
  }
  for (std::size_t i = 0; i < 3; ++i) {
    if (wants_output(context, i)) context.set_output(i, std::move(types[i]));
  }
  if (wants_output(context, 3)) return unsupported("the output qk of MultiHeadAttention");
  return {};
}

// Input `i` by heads, with its part of the bias (which begins at `first`) added where it is not by heads yet.
Result<std::vector<double>> read_heads(const Tensor& x, std::int64_t heads, const std::vector<double>& bias,
                                       std::int64_t first) {
  CYCLOID_ASSIGN(std::vector<double> values, doubles(x));
  if (x.rank() == 4) return values;
  const auto width = static_cast<std::size_t>(x.dim(2));
  for (std::size_t i = 0; !bias.empty() && i < values.size(); ++i)
    values[i] += bias[static_cast<std::size_t>(first) + i % width];
  return split_heads(values, x.dim(0), x.dim(1), heads, x.dim(2) / heads);
}

Status add_past(const EvalContext& context, std::size_t input, std::int64_t size, Heads& h, std::vector<double>& now,
                std::int64_t now_length) {
  CYCLOID_ASSIGN(const Tensor* past, optional_tensor_input(context, input, kFloats));
  if (past == nullptr) return {};
  const Dims& dims = past->dims();
  if (dims.size() != 4 || dims != Dims{h.batch, h.heads, dims[2], size})
    return invalid_argument("a past {} does not fit {} heads of {}", to_string(dims), h.heads, size);
  if (input == 7 && dims[2] != h.past) return invalid_argument("past_key and past_value differ in length");
  CYCLOID_ASSIGN(const std::vector<double> before, doubles(*past));
  h.past = dims[2];
  now = join_past(before.data(), h.past, now, now_length, h.batch * h.heads, size);
  return {};
}

Result<Heads> read(const EvalContext& context, const AttendOptions& options) {
  CYCLOID_ASSIGN(const Tensor* q, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* k, tensor_input(context, 1, kFloats));
  CYCLOID_ASSIGN(const Tensor* v, tensor_input(context, 2, kFloats));
  CYCLOID_ASSIGN(const Tensor* bias_tensor, optional_tensor_input(context, 3, kFloats));
  CYCLOID_TRY(check_layout(to_shape(q->dims()), to_shape(k->dims()), to_shape(v->dims()), options.heads));
  for (const std::size_t i : {8U, 9U}) {
    if (i < context.input_count() && context.input(i) != nullptr) return unsupported("input {}", i);
  }
  const bool has_past = context.input_count() > 6 && context.input(6) != nullptr;
  const bool has_past_value = context.input_count() > 7 && context.input(7) != nullptr;
  if (has_past != has_past_value) return invalid_argument("past_key and past_value are used together or not at all");
  const bool by_heads = k->rank() == 4;
  Heads h;
  h.batch = q->dim(0);
  h.heads = options.heads;
  h.queries = q->dim(1);
  h.size = q->dim(2) / h.heads;
  h.v_size = by_heads ? v->dim(3) : v->dim(2) / h.heads;
  const std::int64_t length = k->dim(by_heads ? 2 : 1);
  std::vector<double> bias;
  if (bias_tensor != nullptr) {
    if (bias_tensor->dims() != Dims{h.heads * (2 * h.size + h.v_size)})
      return invalid_argument("a bias of shape {}", to_string(bias_tensor->dims()));
    CYCLOID_ASSIGN(bias, doubles(*bias_tensor));
  }
  CYCLOID_ASSIGN(h.q, read_heads(*q, h.heads, bias, 0));
  CYCLOID_ASSIGN(h.k, read_heads(*k, h.heads, bias, h.heads * h.size));
  CYCLOID_ASSIGN(h.v, read_heads(*v, h.heads, bias, 2 * h.heads * h.size));
  if (has_past) {
    CYCLOID_TRY(add_past(context, 6, h.size, h, h.k, length));
    CYCLOID_TRY(add_past(context, 7, h.v_size, h, h.v, length));
  }
  h.keys = h.past + length;
  return h;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const AttendOptions options, AttendOptions::parse(context.node()));
  CYCLOID_ASSIGN(const Heads h, read(context, options));
  CYCLOID_TRY(check_attention(context, h));
  CYCLOID_ASSIGN(const Tensor* q, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* mask, optional_tensor_input(context, 4, kInt32Type));
  CYCLOID_ASSIGN(const Tensor* bias, optional_tensor_input(context, 5, kFloats));
  Scores scores;
  CYCLOID_TRY(read_mask(mask, options, h, scores));
  CYCLOID_TRY(read_bias(bias, h, scores));
  const std::vector<double> y = attend(options, h, scores);
  std::vector<Datum> data(context.output_count());
  CYCLOID_ASSIGN(data[0], make_tensor<double>(context, q->dtype(), {h.batch, h.queries, h.heads * h.v_size}, y));
  if (wants_output(context, 1)) {
    CYCLOID_ASSIGN(data[1], make_tensor<double>(context, q->dtype(), {h.batch, h.heads, h.keys, h.size}, h.k));
  }
  if (wants_output(context, 2)) {
    CYCLOID_ASSIGN(data[2], make_tensor<double>(context, q->dtype(), {h.batch, h.heads, h.keys, h.v_size}, h.v));
  }
  return data;
}

}  // namespace

const Op kMultiHeadAttention = {.domain = kMicrosoft,
                                .name = "MultiHeadAttention",
                                .min_inputs = 1,
                                .max_inputs = 10,
                                .max_outputs = 4,
                                .infer = infer,
                                .evaluate = evaluate,
                                .dtypes = kFloats};

}  // namespace cycloid
