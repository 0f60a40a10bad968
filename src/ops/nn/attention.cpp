#include "ops/nn/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/concat.h"
#include "ops/tensor/movement.h"

namespace cycloid {

Result<AttentionAttributes> AttentionAttributes::parse(const Node& node) {
  AttentionAttributes a;
  CYCLOID_ASSIGN(const std::int64_t causal, get_int(node, "is_causal", 0));
  a.is_causal = causal != 0;
  CYCLOID_ASSIGN(a.left_window, get_int(node, "left_window_size", -1));
  CYCLOID_ASSIGN(a.right_window, get_int(node, "right_window_size", -1));
  CYCLOID_ASSIGN(a.q_heads, get_int(node, "q_num_heads", 0));
  CYCLOID_ASSIGN(a.kv_heads, get_int(node, "kv_num_heads", 0));
  CYCLOID_ASSIGN(a.qk_output, get_int(node, "qk_matmul_output_mode", 0));
  if (a.qk_output < 0 || a.qk_output > 3)
    return invalid_model("qk_matmul_output_mode {} is none of 0 to 3", a.qk_output);
  if (a.q_heads < 0 || a.kv_heads < 0) return invalid_model("{} and {} heads", a.q_heads, a.kv_heads);
  if (has_attribute(node, "scale")) {
    CYCLOID_ASSIGN(const float scale, get_float(node, "scale", 1));
    a.scale = static_cast<double>(scale);
  }
  CYCLOID_ASSIGN(const float softcap, get_float(node, "softcap", 0));
  a.softcap = static_cast<double>(softcap);
  return a;
}

Result<AttentionSizes> attention_sizes(const AttentionAttributes& a, const Shape& q, const Shape& k, const Shape& v) {
  if (q.size() != k.size() || k.size() != v.size() || (q.size() != 3 && q.size() != 4)) {
    return invalid_argument("Q {}, K {} and V {} must all have rank 3, or all rank 4", to_string(q), to_string(k),
                            to_string(v));
  }
  AttentionSizes s;
  s.batch = known_of(q[0], k[0]);
  CYCLOID_TRY(check_equal(q[0], k[0], "the batches of Q and K"));
  CYCLOID_TRY(check_equal(k[0], v[0], "the batches of K and V"));
  if (q.size() == 4) {
    s.q_heads = q[1];
    s.kv_heads = known_of(k[1], v[1]);
    s.q_length = q[2];
    s.kv_length = known_of(k[2], v[2]);
    s.head_size = known_of(q[3], k[3]);
    s.v_head_size = v[3];
    CYCLOID_TRY(check_equal(k[1], v[1], "the heads of K and V"));
    CYCLOID_TRY(check_equal(q[3], k[3], "the head sizes of Q and K"));
    CYCLOID_TRY(check_equal(k[2], v[2], "the lengths of K and V"));
  } else {
    if (a.q_heads < 1 || a.kv_heads < 1) return invalid_model("inputs of rank 3 need q_num_heads and kv_num_heads");
    for (const auto& [hidden, heads] :
         {std::pair(q[2], a.q_heads), std::pair(k[2], a.kv_heads), std::pair(v[2], a.kv_heads)}) {
      if (hidden.is_known() && hidden.value() % heads != 0)
        return invalid_argument("a size of {} cannot be split into {} heads", hidden.value(), heads);
    }
    s.q_heads = a.q_heads;
    s.kv_heads = a.kv_heads;
    s.q_length = q[1];
    s.kv_length = known_of(k[1], v[1]);
    s.head_size = Dim::floor_div(q[2], a.q_heads);
    s.v_head_size = Dim::floor_div(v[2], a.kv_heads);
    CYCLOID_TRY(check_equal(s.head_size, Dim::floor_div(k[2], a.kv_heads), "the head sizes of Q and K"));
    CYCLOID_TRY(check_equal(k[1], v[1], "the lengths of K and V"));
  }
  if (s.q_heads.is_known() && s.kv_heads.is_known() &&
      (s.kv_heads.is(0) || s.q_heads.value() % s.kv_heads.value() != 0)) {
    return invalid_argument("{} query heads cannot share {} key heads", s.q_heads.value(), s.kv_heads.value());
  }
  return s;
}

namespace {

constexpr DTypeSet kMaskTypes = kNumbers | kBools;

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const AttentionAttributes a, AttentionAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const ValueType q, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const ValueType k, input_type(context, 1, kFloats));
  CYCLOID_ASSIGN(const ValueType v, input_type(context, 2, kFloats));
  CYCLOID_TRY(optional_input_type(context, 3, kMaskTypes));
  CYCLOID_ASSIGN(const auto past_key, optional_input_type(context, 4, kFloats));
  CYCLOID_ASSIGN(const auto past_value, optional_input_type(context, 5, kFloats));
  CYCLOID_TRY(optional_input_type(context, 6, kInt64Type));
  CYCLOID_TRY(check_same_dtype(q, k, "Q and K"));
  if (past_key.has_value() != past_value.has_value())
    return invalid_model("past_key and past_value are used together or not at all");
  for (const auto* past : {&past_key, &past_value}) {
    if (*past) CYCLOID_TRY(check_rank(**past, 4, "past_key and past_value"));
  }
  if (!q.shape || !k.shape || !v.shape) {
    for (std::size_t i = 0; i < context.output_count(); ++i)
      context.set_output(i, ValueType::tensor(i == 2 ? v.dtype : q.dtype));
    return {};
  }
  CYCLOID_ASSIGN(const AttentionSizes s, attention_sizes(a, *q.shape, *k.shape, *v.shape));
  const Dim past = !past_key ? Dim(0) : past_key->shape ? (*past_key->shape)[2] : Dim::unknown();
  const Dim total = past + s.kv_length;
  const Shape y = q.shape->size() == 4 ? Shape{s.batch, s.q_heads, s.q_length, s.v_head_size}
                                       : Shape{s.batch, s.q_length, s.q_heads * s.v_head_size};
  const Shape shapes[] = {y,
                          {s.batch, s.kv_heads, total, s.head_size},
                          {s.batch, s.kv_heads, total, s.v_head_size},
                          {s.batch, s.q_heads, s.q_length, total}};
  for (std::size_t i = 0; i < context.output_count() && i < 4; ++i) {
    context.set_output(i, ValueType::tensor(i == 2 ? v.dtype : q.dtype, shapes[i]));
  }
  return {};
}

// A rank-3 input (batch, length, heads * size) as (batch, heads, length, size).
Result<Tensor> by_heads(const Tensor& x, std::int64_t heads) {
  if (x.rank() == 4) return x;
  const Tensor split = x.reshaped({x.dim(0), x.dim(1), heads, x.dim(2) / heads});
  return transposed(split, {0, 2, 1, 3});
}

Result<Tensor> with_past(const Tensor* past, const Tensor& now, std::string_view what) {
  if (past == nullptr) return now;
  if (past->rank() != 4)
    return invalid_argument("{} must have rank 4, but its shape is {}", what, to_string(past->dims()));
  const Tensor* both[] = {past, &now};
  return concatenate(both, 2).in(what);
}

// What the mask adds to a score: 0 or -infinity for a bool mask, its value else; -infinity beyond its end.
struct Mask {
  Dims strides;  // 0 where broadcast
  std::int64_t length = 0;
  std::vector<double> values;

  static Result<Mask> read(const Tensor& mask, const Dims& scores) {
    Mask m;
    if (mask.rank() < 1 || mask.rank() > 4) return invalid_argument("attn_mask has shape {}", to_string(mask.dims()));
    CYCLOID_ASSIGN(m.values, doubles(mask));
    if (mask.dtype() == DType::kBool) {
      for (double& value : m.values) value = value != 0 ? 0 : -std::numeric_limits<double>::infinity();
    }
    Dims dims = mask.dims();
    dims.insert(dims.begin(), 4 - dims.size(), 1);
    m.strides = strides_of(dims);
    for (std::size_t i = 0; i < 4; ++i) {
      const bool fits = dims[i] == 1 || dims[i] == scores[i] || (i == 3 && dims[i] < scores[i]);
      if (!fits)
        return invalid_argument("attn_mask {} does not fit scores of shape {}", to_string(mask.dims()),
                                to_string(scores));
      if (dims[i] == 1) m.strides[i] = 0;
    }
    m.length = dims[3] == 1 ? scores[3] : dims[3];
    return m;
  }
  double at(std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) const {
    if (j >= length) return -std::numeric_limits<double>::infinity();
    return values[static_cast<std::size_t>(b * strides[0] + h * strides[1] + i * strides[2] + j * strides[3])];
  }
};

// The softmax of a row of scores: NaN where all are -infinity because they overflow, as Softmax gives it.
void softmax(std::span<double> row) {
  const double largest = row.empty() ? 0 : *std::ranges::max_element(row);
  double sum = 0;
  for (double& score : row) {
    score = std::exp(score - largest);
    sum += score;
  }
  for (double& score : row) score /= sum;
}

struct Operands {
  Tensor q, k, v;  // (batch, heads, length, size)
  std::optional<Mask> mask;
  std::vector<std::int64_t> valid;  // keys of each batch element that are no padding; empty: all
  std::int64_t past = 0;
};

// Attends, and writes Y by (batch, head, query) and what output 3 asks for.
void attend(const AttentionAttributes& a, const Operands& in, std::vector<double>& y, std::vector<double>& qk) {
  const auto q = load_all<double>(in.q);
  const auto k = load_all<double>(in.k);
  const auto v = load_all<double>(in.v);
  const std::int64_t heads = in.q.dim(1);
  const std::int64_t queries = in.q.dim(2);
  const std::int64_t size = in.q.dim(3);
  const std::int64_t kv_heads = in.k.dim(1);
  const std::int64_t keys = in.k.dim(2);
  const std::int64_t v_size = in.v.dim(3);
  const double scale = a.scale.value_or(1.0 / std::sqrt(static_cast<double>(size)));
  std::vector<double> row(static_cast<std::size_t>(keys));
  std::vector<bool> hides(static_cast<std::size_t>(keys));
  // The operator is defined by steps in the inputs' type: beside a mask of -10000 little of a score is left, and a share
  // that vanishes is 0, of which an infinite value makes NaN.
  const bool wide = in.q.dtype() == DType::kFloat64;
  const auto rounded = [&](double x) { return wide ? x : static_cast<double>(static_cast<float>(x)); };
  const auto keep = [&](std::int64_t mode, std::int64_t at) {
    if (a.qk_output == mode) std::ranges::copy(row, qk.begin() + at * keys);
  };
  for (std::int64_t at = 0; at < in.q.dim(0) * heads * queries; ++at) {
    if (stopping()) break;
    const std::int64_t i = at % queries;
    const std::int64_t h = at / queries % heads;
    const std::int64_t b = at / queries / heads;
    const std::int64_t kv = b * kv_heads + h / (heads / kv_heads);
    const std::int64_t valid = in.valid.empty() ? keys : in.valid[static_cast<std::size_t>(b)];
    // The keys before the query block.
    const std::int64_t offset = in.past > 0 || in.valid.empty() ? in.past : valid - queries;
    for (std::int64_t j = 0; j < keys; ++j) {
      double sum = 0;
      for (std::int64_t d = 0; d < size; ++d)
        sum += q[static_cast<std::size_t>(at * size + d)] * k[static_cast<std::size_t>((kv * keys + j) * size + d)];
      row[static_cast<std::size_t>(j)] = rounded(sum * scale);
    }
    keep(0, at);
    if (a.softcap != 0) {
      for (double& score : row) score = a.softcap * std::tanh(score / a.softcap);
    }
    keep(1, at);
    bool all_masked = true;
    for (std::int64_t j = 0; j < keys; ++j) {
      const std::int64_t position = i + offset;
      const bool hidden = j >= valid || (a.is_causal && j > position) ||
                          (a.left_window >= 0 && j < position - a.left_window) ||
                          (a.right_window >= 0 && j > position + a.right_window);
      double& score = row[static_cast<std::size_t>(j)];
      const double bias = in.mask ? in.mask->at(b, h, i, j) : 0;
      score = rounded(score + bias);
      all_masked = all_masked && (hidden || bias == -std::numeric_limits<double>::infinity());
      if (hidden) score = -std::numeric_limits<double>::infinity();
      hides[static_cast<std::size_t>(j)] = hidden;
    }
    keep(2, at);
    if (all_masked) {
      std::ranges::fill(row, 0.0);
    } else {
      softmax(row);
    }
    for (double& share : row) share = rounded(share);
    keep(3, at);
    for (std::int64_t j = 0; j < keys; ++j) {
      const double p = row[static_cast<std::size_t>(j)];
      if (hides[static_cast<std::size_t>(j)]) continue;  // counts nothing, not even where it is infinite
      for (std::int64_t d = 0; d < v_size; ++d) {
        y[static_cast<std::size_t>(at * v_size + d)] += p * v[static_cast<std::size_t>((kv * keys + j) * v_size + d)];
      }
    }
  }
}

Result<Operands> read_operands(EvalContext& context, const AttentionAttributes& a) {
  CYCLOID_ASSIGN(const Tensor* q, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Tensor* k, tensor_input(context, 1, kFloats));
  CYCLOID_ASSIGN(const Tensor* v, tensor_input(context, 2, kFloats));
  CYCLOID_ASSIGN(const Tensor* mask, optional_tensor_input(context, 3, kMaskTypes));
  CYCLOID_ASSIGN(const Tensor* past_key, optional_tensor_input(context, 4, kFloats));
  CYCLOID_ASSIGN(const Tensor* past_value, optional_tensor_input(context, 5, kFloats));
  CYCLOID_ASSIGN(const Tensor* valid, optional_tensor_input(context, 6, kInt64Type));
  if ((past_key == nullptr) != (past_value == nullptr))
    return invalid_argument("past_key and past_value are used together or not at all");
  CYCLOID_ASSIGN(const AttentionSizes s,
                 attention_sizes(a, to_shape(q->dims()), to_shape(k->dims()), to_shape(v->dims())));
  Operands in;
  CYCLOID_ASSIGN(in.q, by_heads(*q, s.q_heads.value()));
  CYCLOID_ASSIGN(in.k, by_heads(*k, s.kv_heads.value()));
  CYCLOID_ASSIGN(in.v, by_heads(*v, s.kv_heads.value()));
  CYCLOID_ASSIGN(in.k, with_past(past_key, in.k, "past_key"));
  CYCLOID_ASSIGN(in.v, with_past(past_value, in.v, "past_value"));
  if (in.k.dim(2) != in.v.dim(2)) return invalid_argument("past_key and past_value differ in length");
  in.past = past_key != nullptr ? past_key->dim(2) : 0;
  const Dims scores{in.q.dim(0), in.q.dim(1), in.q.dim(2), in.k.dim(2)};
  if (mask != nullptr) {
    CYCLOID_ASSIGN(in.mask, Mask::read(*mask, scores));
  }
  if (valid != nullptr) {
    if (valid->dims() != Dims{in.q.dim(0)})
      return invalid_argument("nonpad_kv_seqlen must have one length a batch element");
    in.valid = to_int64s(*valid);
    for (const std::int64_t count : in.valid) {
      if (count < 0 || count > in.k.dim(2))
        return invalid_argument("nonpad_kv_seqlen has {}, but there are {} keys", count, in.k.dim(2));
    }
  }
  return in;
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const AttentionAttributes a, AttentionAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Operands in, read_operands(context, a));
  CYCLOID_ASSIGN(const Tensor* q, tensor_input(context, 0, kFloats));
  const Dims y_dims{in.q.dim(0), in.q.dim(1), in.q.dim(2), in.v.dim(3)};
  const Dims qk_dims{in.q.dim(0), in.q.dim(1), in.q.dim(2), in.k.dim(2)};
  CYCLOID_TRY(concrete(to_shape(y_dims)));
  CYCLOID_TRY(concrete(to_shape(qk_dims)));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, y_dims));
  const bool wants_qk = wants_output(context, 3);
  if (wants_qk) CYCLOID_TRY(check_fits(context, DType::kFloat64, qk_dims));
  std::vector<double> y(static_cast<std::size_t>(product(y_dims, 0, 4)), 0.0);
  std::vector<double> qk(wants_qk ? static_cast<std::size_t>(product(qk_dims, 0, 4)) : 0);
  AttentionAttributes kept = a;
  if (!wants_qk) kept.qk_output = -1;
  attend(kept, in, y, qk);
  CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, q->dtype(), y_dims, y));
  if (q->rank() == 3) {
    CYCLOID_ASSIGN(result, transposed(result, {0, 2, 1, 3}));
    result = result.reshaped({y_dims[0], y_dims[2], y_dims[1] * y_dims[3]});
  }
  std::vector<Datum> data = outputs(std::move(result));
  data.emplace_back(in.k);
  data.emplace_back(in.v);
  if (wants_qk) {
    CYCLOID_ASSIGN(Tensor scores, make_tensor<double>(context, q->dtype(), qk_dims, qk));
    data.emplace_back(std::move(scores));
  }
  return data;
}

// Two products of every query with every key, and about five operations a score for the softmax.
Result<Cost> cost(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const AttentionAttributes a, AttentionAttributes::parse(node));
  const Shape* q = input_shape(graph, node, 0);
  const Shape* k = input_shape(graph, node, 1);
  const Shape* v = input_shape(graph, node, 2);
  if (q == nullptr || k == nullptr || v == nullptr) return cost_with_flops(graph, node, Dim::unknown());
  CYCLOID_ASSIGN(const AttentionSizes s, attention_sizes(a, *q, *k, *v));
  const Shape* past = input_shape(graph, node, 4);
  const Dim keys = s.kv_length + (past != nullptr && past->size() == 4 ? (*past)[2] : Dim(0));
  return cost_with_flops(graph, node,
                         s.batch * s.q_heads * s.q_length * keys * (s.head_size * 2 + s.v_head_size * 2 + 5));
}

}  // namespace

const Op kAttention = {.domain = "",
                       .name = "Attention",
                       .since = 23,
                       .min_inputs = 3,
                       .max_inputs = 7,
                       .max_outputs = 4,
                       .infer = infer,
                       .evaluate = evaluate,
                       .cost = cost};

}  // namespace cycloid
