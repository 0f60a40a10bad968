// Attention and QAttention of com.microsoft: one product makes queries, keys and values of the input; in QAttention its
// operands are quantised.
#include "base/error.h"
#include "ops/contrib/attend.h"
#include "ops/contrib/list.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

constexpr DTypeSet kInt32Type{DType::kInt32};
constexpr DTypeSet kBytes{DType::kInt8, DType::kUInt8};

// Where the two operators have the inputs that they share.
struct InputsAt {
  std::size_t mask, past, bias, attention_bias;
};
constexpr std::size_t kNone = SIZE_MAX;
constexpr InputsAt kAttentionInputs{3, 4, 2, 5};
constexpr InputsAt kQAttentionInputs{5, 8, 2, kNone};

Result<const Tensor*> input_at(const EvalContext& context, std::size_t i, DTypeSet dtypes) {
  if (i >= context.input_count()) return static_cast<const Tensor*>(nullptr);
  return optional_tensor_input(context, i, dtypes);
}

// The columns of queries, keys and values in the weights.
struct Hidden {
  std::int64_t q = 0, k = 0, v = 0;
  std::int64_t all() const { return q + k + v; }

  static Result<Hidden> make(const Node& node, std::int64_t columns, std::int64_t heads) {
    CYCLOID_ASSIGN(const auto given, get_ints(node, "qkv_hidden_sizes"));
    Hidden hidden{columns / 3, columns / 3, columns / 3};
    if (!given.empty()) {
      if (given.size() != 3) return invalid_model("qkv_hidden_sizes must have 3 sizes, not {}", given.size());
      for (const std::int64_t size : given) {
        if (size < 0 || size > columns) return invalid_model("qkv_hidden_sizes has {} for {} columns", size, columns);
      }
      hidden = {given[0], given[1], given[2]};
    }
    const bool fits = hidden.all() == columns && hidden.q == hidden.k && hidden.q > 0 && hidden.v > 0 &&
                      hidden.q % heads == 0 && hidden.v % heads == 0;
    if (!fits) return invalid_argument("{} columns of weights do not make {} heads", columns, heads);
    return hidden;
  }
};

Status infer_at(InferContext& context, const InputsAt& at) {
  CYCLOID_ASSIGN(const AttendOptions options, AttendOptions::parse(context.node()));
  const bool quantized = at.attention_bias == kNone;
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0, quantized ? kBytes : kFloats));
  CYCLOID_ASSIGN(const ValueType w, input_type(context, 1, quantized ? kBytes : kFloats));
  CYCLOID_ASSIGN(const auto bias, optional_input_type(context, at.bias, kFloats));
  CYCLOID_ASSIGN(const auto past, optional_input_type(context, at.past, kFloats));
  CYCLOID_TRY(optional_input_type(context, at.mask, kInt32Type));
  CYCLOID_TRY(check_rank(x, 3, "the input"));
  CYCLOID_TRY(check_rank(w, 2, "the weights"));
  const DType dtype = quantized ? (bias ? bias->dtype : DType::kFloat32) : x.dtype;
  ValueType y = ValueType::tensor(dtype);
  if (x.shape && w.shape) {
    CYCLOID_TRY(check_equal((*x.shape)[2], (*w.shape)[0], "the depths of the input and of the weights"));
    Dim width = Dim::unknown();
    if ((*w.shape)[1].is_known()) {
      CYCLOID_ASSIGN(const Hidden hidden, Hidden::make(context.node(), (*w.shape)[1].value(), options.heads));
      width = hidden.v;
    }
    y.shape = Shape{(*x.shape)[0], (*x.shape)[1], width};
  }
  if (wants_output(context, 1)) {
    ValueType present = ValueType::tensor(dtype);
    if (past && past->shape) {
      CYCLOID_TRY(check_rank(*past, 5, "past"));
      present.shape = *past->shape;
      (*present.shape)[3] = y.shape ? (*past->shape)[3] + (*y.shape)[1] : Dim::unknown();
    } else if (y.shape && !past) {
      present.shape =
          Shape{2, (*y.shape)[0], options.heads, (*y.shape)[1], Dim::floor_div((*y.shape)[2], options.heads)};
    }
    context.set_output(1, std::move(present));
  }
  context.set_output(0, std::move(y));
  return {};
}

Status infer_attention(InferContext& context) { return infer_at(context, kAttentionInputs); }
Status infer_quantized(InferContext& context) { return infer_at(context, kQAttentionInputs); }

// Attends with the operands of the product as real numbers: x (batch, length, depth), w (depth, columns).
Result<std::vector<Datum>> attend_with(EvalContext& context, const InputsAt& at, const Dims& x_dims,
                                       const std::vector<double>& x, const Dims& w_dims, const std::vector<double>& w,
                                       DType dtype) {
  CYCLOID_ASSIGN(const AttendOptions options, AttendOptions::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* bias, input_at(context, at.bias, kFloats));
  CYCLOID_ASSIGN(const Tensor* mask, input_at(context, at.mask, kInt32Type));
  CYCLOID_ASSIGN(const Tensor* past, input_at(context, at.past, kFloats));
  CYCLOID_ASSIGN(const Tensor* attention_bias, input_at(context, at.attention_bias, kFloats));
  CYCLOID_ASSIGN(const Hidden hidden, Hidden::make(context.node(), w_dims[1], options.heads));
  const std::int64_t rows = x_dims[0] * x_dims[1];
  CYCLOID_TRY(check_fits(context, DType::kFloat64, {rows, hidden.all()}));
  std::vector<double> shift(static_cast<std::size_t>(hidden.all()), 0.0);
  if (bias != nullptr) {
    if (bias->dims() != Dims{hidden.all()}) return invalid_argument("a bias of shape {}", to_string(bias->dims()));
    CYCLOID_ASSIGN(shift, doubles(*bias));
  }
  std::vector<double> parts[3];
  const std::int64_t widths[3] = {hidden.q, hidden.k, hidden.v};
  std::int64_t first = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    parts[i].resize(static_cast<std::size_t>(rows * widths[i]));
    matrix_product(rows, widths[i], x_dims[2], MatrixView<double>{x.data(), x_dims[2], 1},
                   MatrixView<double>{w.data() + first, w_dims[1], 1},
                   [&](std::int64_t row, std::int64_t column, double sum) {
                     parts[i][static_cast<std::size_t>(row * widths[i] + column)] =
                         sum + shift[static_cast<std::size_t>(first + column)];
                   });
    first += widths[i];
  }
  Heads h;
  h.batch = x_dims[0];
  h.heads = options.heads;
  h.queries = h.keys = x_dims[1];
  h.size = hidden.q / h.heads;
  h.v_size = hidden.v / h.heads;
  h.q = split_heads(parts[0], h.batch, h.queries, h.heads, h.size);
  h.k = split_heads(parts[1], h.batch, h.queries, h.heads, h.size);
  h.v = split_heads(parts[2], h.batch, h.queries, h.heads, h.v_size);
  if (past != nullptr) {
    const Dims& dims = past->dims();
    if (dims.size() != 5 || dims != Dims{2, h.batch, h.heads, dims[3], h.size} || h.size != h.v_size)
      return invalid_argument("past {} does not fit {} heads of {}", to_string(dims), h.heads, h.size);
    CYCLOID_ASSIGN(const std::vector<double> before, doubles(*past));
    h.past = dims[3];
    h.k = join_past(before.data(), h.past, h.k, h.queries, h.batch * h.heads, h.size);
    h.v = join_past(before.data() + before.size() / 2, h.past, h.v, h.queries, h.batch * h.heads, h.size);
    h.keys += h.past;
  }
  CYCLOID_TRY(check_attention(context, h));
  Scores scores;
  CYCLOID_TRY(read_mask(mask, options, h, scores));
  CYCLOID_TRY(read_bias(attention_bias, h, scores));
  const std::vector<double> y = attend(options, h, scores);
  CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, dtype, {h.batch, h.queries, hidden.v}, y));
  std::vector<Datum> data = outputs(std::move(result));
  if (wants_output(context, 1)) {
    if (h.size != h.v_size) return unsupported("present of keys and values of different sizes");
    std::vector<double> both = std::move(h.k);
    both.insert(both.end(), h.v.begin(), h.v.end());
    CYCLOID_ASSIGN(Tensor present, make_tensor<double>(context, dtype, {2, h.batch, h.heads, h.keys, h.size}, both));
    data.emplace_back(std::move(present));
  }
  return data;
}

Status check_operands(const Tensor& x, const Tensor& w) {
  if (x.rank() != 3 || w.rank() != 2 || x.dim(2) != w.dim(0))
    return invalid_argument("weights {} do not fit an input {}", to_string(w.dims()), to_string(x.dims()));
  return {};
}

Result<std::vector<Datum>> evaluate_attention(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* w, tensor_input(context, 1, kFloats));
  CYCLOID_TRY(check_operands(*x, *w));
  if (context.input_count() > 6 && context.input(6) != nullptr) return unsupported("past_sequence_length");
  CYCLOID_ASSIGN(const std::vector<double> left, doubles(*x));
  CYCLOID_ASSIGN(const std::vector<double> right, doubles(*w));
  return attend_with(context, kAttentionInputs, x->dims(), left, w->dims(), right, x->dtype());
}

// (q - zero point) * scale, with one scale and zero point for all or for each column.
Result<std::vector<double>> dequantized(const EvalContext& context, const Tensor& q, std::size_t scale_at,
                                        std::size_t zero_at, std::int64_t columns) {
  CYCLOID_ASSIGN(const Tensor* scale, tensor_input(context, scale_at, kFloats));
  CYCLOID_ASSIGN(const Tensor* zero, input_at(context, zero_at, kBytes));
  for (const Tensor* tensor : {scale, zero}) {
    if (tensor != nullptr && tensor->element_count() != 1 && tensor->element_count() != columns)
      return invalid_argument("a scale or zero point of shape {} for {} columns", to_string(tensor->dims()), columns);
  }
  CYCLOID_ASSIGN(std::vector<double> values, doubles(q));
  CYCLOID_ASSIGN(const std::vector<double> scales, doubles(*scale));
  std::vector<double> zeros{0};
  if (zero != nullptr) {
    CYCLOID_ASSIGN(zeros, doubles(*zero));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t column = i % static_cast<std::size_t>(columns);
    values[i] = (values[i] - zeros[zeros.size() == 1 ? 0 : column]) * scales[scales.size() == 1 ? 0 : column];
  }
  return values;
}

Result<std::vector<Datum>> evaluate_quantized(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kBytes));
  CYCLOID_ASSIGN(const Tensor* w, tensor_input(context, 1, kBytes));
  CYCLOID_ASSIGN(const Tensor* scale, tensor_input(context, 3, kFloats));
  CYCLOID_TRY(check_operands(*x, *w));
  if (scale->element_count() != 1) return invalid_argument("the input must have one scale");
  CYCLOID_ASSIGN(const std::vector<double> left, dequantized(context, *x, 3, 6, 1));
  CYCLOID_ASSIGN(const std::vector<double> right, dequantized(context, *w, 4, 7, w->dim(1)));
  return attend_with(context, kQAttentionInputs, x->dims(), left, w->dims(), right, scale->dtype());
}

}  // namespace

const Op kMicrosoftAttention = {.domain = kMicrosoft,
                                .name = "Attention",
                                .min_inputs = 2,
                                .max_inputs = 7,
                                .max_outputs = 2,
                                .infer = infer_attention,
                                .evaluate = evaluate_attention,
                                .dtypes = kFloats};
const Op kQAttention = {.domain = kMicrosoft,
                        .name = "QAttention",
                        .min_inputs = 5,
                        .max_inputs = 9,
                        .max_outputs = 2,
                        .infer = infer_quantized,
                        .evaluate = evaluate_quantized,
                        .dtypes = kBytes};

}  // namespace cycloid
