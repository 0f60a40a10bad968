// GroupQueryAttention of com.microsoft: causal attention of grouped heads over a cache, whose valid length each sequence
// of the batch has for itself, with rotary embedding on request.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "ops/contrib/attend.h"
#include "ops/contrib/list.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/nn/rotate.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

constexpr DTypeSet kInt32Type{DType::kInt32};

struct GroupAttributes {
  AttendOptions options;
  std::int64_t kv_heads = 0;
  std::int64_t window = -1;  // keys that a query sees, itself included; -1: all before it
  bool rotary = false;
  bool interleaved = false;

  static Result<GroupAttributes> parse(const Node& node) {
    GroupAttributes a;
    CYCLOID_ASSIGN(a.options.heads, get_int(node, "num_heads", 0));
    CYCLOID_ASSIGN(a.kv_heads, get_int(node, "kv_num_heads", 0));
    constexpr std::int64_t kMostHeads = 1 << 20;  // so that sums of heads stay within int64
    if (a.options.heads < 1 || a.options.heads > kMostHeads || a.kv_heads < 1 || a.options.heads % a.kv_heads != 0)
      return invalid_model("{} query heads cannot share {} key heads", a.options.heads, a.kv_heads);
    CYCLOID_ASSIGN(const float scale, get_float(node, "scale", 0));
    if (scale != 0) a.options.scale = static_cast<double>(scale);
    CYCLOID_ASSIGN(const float softcap, get_float(node, "softcap", 0));
    a.options.softcap = static_cast<double>(softcap);
    CYCLOID_ASSIGN(a.window, get_int(node, "local_window_size", -1));
    CYCLOID_ASSIGN(const std::int64_t rotary, get_int(node, "do_rotary", 0));
    CYCLOID_ASSIGN(const std::int64_t interleaved, get_int(node, "rotary_interleaved", 0));
    CYCLOID_ASSIGN(const std::int64_t causal, get_int(node, "causal", 1));
    a.options.causal = true;
    a.rotary = rotary != 0;
    a.interleaved = interleaved != 0;
    if (causal != 1) return unsupported("GroupQueryAttention that is not causal");
    for (const auto& [name, plain] : {std::pair("smooth_softmax", 0), std::pair("qk_output", 0),
                                      std::pair("sliding_window_cache", 0), std::pair("kv_cache_bit_width", 0)}) {
      CYCLOID_ASSIGN(const std::int64_t given, get_int(node, name, plain));
      if (given != plain && !(given == -1)) return unsupported("the attribute {}", name);
    }
    return a;
  }
  // The heads in a row of the query: keys and values are behind it where they are no inputs of their own.
  std::int64_t packed_heads(bool packed) const { return options.heads + (packed ? 2 * kv_heads : 0); }
};

bool given(const EvalContext& context, std::size_t i) {
  return i < context.input_count() && context.input(i) != nullptr;
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const GroupAttributes a, GroupAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const ValueType q, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const auto k, optional_input_type(context, 1, kFloats));
  CYCLOID_ASSIGN(const auto v, optional_input_type(context, 2, kFloats));
  CYCLOID_ASSIGN(const auto past, optional_input_type(context, 3, kFloats));
  CYCLOID_TRY(optional_input_type(context, 4, kFloats));
  CYCLOID_TRY(input_type(context, 5, kInt32Type));
  CYCLOID_TRY(input_type(context, 6, kInt32Type));
  CYCLOID_TRY(check_rank(q, 3, "query"));
  if (k.has_value() != v.has_value()) return invalid_model("key and value are used together or not at all");
  if (past) CYCLOID_TRY(check_rank(*past, 4, "past_key"));
  if (wants_output(context, 3)) return unsupported("the output output_qk");
  ValueType y = ValueType::tensor(q.dtype);
  ValueType present = ValueType::tensor(q.dtype);
  if (q.shape) {
    const Dim size = Dim::floor_div((*q.shape)[2], a.packed_heads(!k));
    y.shape = Shape{(*q.shape)[0], (*q.shape)[1], size * a.options.heads};
    const auto total = context.shape_data(6);
    Dim length = Dim::unknown();
    if (total && total->size() == 1) {
      length = !past ? total->front() : past->shape ? Dim::max((*past->shape)[2], total->front()) : Dim::unknown();
    }
    present.shape = Shape{(*q.shape)[0], a.kv_heads, length, size};
  }
  for (const std::size_t i : {1U, 2U}) {
    if (wants_output(context, i)) context.set_output(i, present);
  }
  context.set_output(0, std::move(y));
  return {};
}

// The sizes, and all but the caches as (batch, head, position, element).
struct Inputs {
  std::int64_t batch = 0, length = 0, size = 0;
  std::int64_t past = 0;             // room in the given cache
  std::int64_t total = 0;            // valid keys of the longest sequence
  std::vector<std::int64_t> before;  // valid keys before the queries, by sequence
  std::vector<double> q, k, v, past_key, past_value;

  std::int64_t room() const { return std::max(past, total); }  // in the new cache
};

Status read_lengths(const EvalContext& context, Inputs& in) {
  CYCLOID_ASSIGN(const Tensor* ends, tensor_input(context, 5, kInt32Type));
  CYCLOID_ASSIGN(const Tensor* total, tensor_input(context, 6, kInt32Type));
  CYCLOID_ASSIGN(in.total, load_scalar<std::int64_t>(*total, "total_sequence_length"));
  if (in.total < in.length) return invalid_argument("{} queries, but only {} keys in total", in.length, in.total);
  if (ends->element_count() != in.batch) return invalid_argument("seqlens_k must have {} elements", in.batch);
  const bool prompt = in.total == in.length;
  for (const std::int64_t last : to_int64s(*ends)) {
    const std::int64_t valid = last + 1;
    if (valid < (prompt ? 0 : in.length) || valid > in.total)
      return invalid_argument("seqlens_k has {} for {} queries and {} keys", last, in.length, in.total);
    in.before.push_back(prompt ? 0 : valid - in.length);
    if (in.before.back() > in.past) return invalid_argument("the cache has {} keys, not {}", in.past, in.before.back());
  }
  return {};
}

Status read_tokens(const EvalContext& context, const GroupAttributes& a, Inputs& in) {
  CYCLOID_ASSIGN(const Tensor* q, tensor_input(context, 0, kFloats));
  CYCLOID_TRY(check_rank(*q, 3, "query"));
  const bool packed = !given(context, 1) && !given(context, 2);
  in.batch = q->dim(0);
  in.length = q->dim(1);
  in.size = q->dim(2) / a.packed_heads(packed);
  if (in.size < 1 || q->dim(2) % a.packed_heads(packed) != 0)
    return invalid_argument("a query of {} cannot be split into heads", q->dim(2));
  CYCLOID_ASSIGN(const std::vector<double> tokens, doubles(*q));
  std::vector<double> heads = split_heads(tokens, in.batch, in.length, a.packed_heads(packed), in.size);
  if (!packed) {
    in.q = std::move(heads);
    for (const std::size_t i : {1U, 2U}) {
      CYCLOID_ASSIGN(const Tensor* tensor, tensor_input(context, i, kFloats));
      if (tensor->dims() != Dims{in.batch, in.length, a.kv_heads * in.size})
        return invalid_argument("key or value {} does not fit the query {}", to_string(tensor->dims()),
                                to_string(q->dims()));
      CYCLOID_ASSIGN(const std::vector<double> values, doubles(*tensor));
      (i == 1 ? in.k : in.v) = split_heads(values, in.batch, in.length, a.kv_heads, in.size);
    }
    return {};
  }
  const std::int64_t each = in.length * in.size;
  for (std::int64_t b = 0; b < in.batch; ++b) {
    const double* from = heads.data() + b * a.packed_heads(true) * each;
    const double* keys = from + a.options.heads * each;
    const double* values = keys + a.kv_heads * each;
    in.q.insert(in.q.end(), from, keys);
    in.k.insert(in.k.end(), keys, values);
    in.v.insert(in.v.end(), values, values + a.kv_heads * each);
  }
  return {};
}

Status read_cache(const EvalContext& context, const GroupAttributes& a, Inputs& in) {
  if (given(context, 3) != given(context, 4))
    return invalid_argument("past_key and past_value are used together or not at all");
  if (!given(context, 3)) return {};
  CYCLOID_ASSIGN(const Tensor* key, tensor_input(context, 3, kFloats));
  CYCLOID_ASSIGN(const Tensor* value, tensor_input(context, 4, kFloats));
  CYCLOID_TRY(check_rank(*key, 4, "past_key"));
  in.past = key->dim(2);
  if (key->dims() != value->dims() || key->dims() != Dims{in.batch, a.kv_heads, in.past, in.size})
    return invalid_argument("a cache of shape {} and {}", to_string(key->dims()), to_string(value->dims()));
  CYCLOID_ASSIGN(in.past_key, doubles(*key));
  CYCLOID_ASSIGN(in.past_value, doubles(*value));
  return {};
}

// Turns the pairs of every head's elements by the angles of their positions.
Status rotate(const EvalContext& context, const GroupAttributes& a, const Inputs& in, std::vector<double>& x,
              std::int64_t heads) {
  CYCLOID_ASSIGN(const Tensor* cos_table, tensor_input(context, 7, kFloats));
  CYCLOID_ASSIGN(const Tensor* sin_table, tensor_input(context, 8, kFloats));
  if (given(context, 9)) return unsupported("position_ids");
  const std::int64_t half = cos_table->rank() == 2 ? cos_table->dim(1) : 0;
  if (half < 1 || 2 * half > in.size || cos_table->dims() != sin_table->dims())
    return invalid_argument("tables of shape {} for heads of {}", to_string(cos_table->dims()), in.size);
  CYCLOID_ASSIGN(const std::vector<double> cosines, doubles(*cos_table));
  CYCLOID_ASSIGN(const std::vector<double> sines, doubles(*sin_table));
  for (std::int64_t at = 0; at < in.batch * heads * in.length; ++at) {
    const std::int64_t row = in.before[static_cast<std::size_t>(at / (heads * in.length))] + at % in.length;
    if (row >= cos_table->dim(0))
      return invalid_argument("position {} is outside a table of {}", row, cos_table->dim(0));
    rotate_pairs(x.data() + at * in.size, half, a.interleaved, cosines.data() + row * half, sines.data() + row * half);
  }
  return {};
}

Result<Inputs> read(const EvalContext& context, const GroupAttributes& a) {
  for (std::size_t i = 11; i < context.input_count(); ++i) {
    if (given(context, i)) return unsupported("input {} of GroupQueryAttention", i);
  }
  Inputs in;
  CYCLOID_TRY(read_tokens(context, a, in));
  CYCLOID_TRY(read_cache(context, a, in));
  CYCLOID_TRY(read_lengths(context, in));
  if (a.rotary) {
    CYCLOID_TRY(rotate(context, a, in, in.q, a.options.heads));
    CYCLOID_TRY(rotate(context, a, in, in.k, a.kv_heads));
  }
  const Dims cache{in.batch, a.options.heads, in.room(), in.size};
  CYCLOID_TRY(concrete(to_shape(cache)));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, cache));
  return in;
}

// The new cache: what was valid of the old one, then the new tokens, then zeros.
std::vector<double> cache_of(const GroupAttributes& a, const Inputs& in, const std::vector<double>& past,
                             const std::vector<double>& now) {
  std::vector<double> cache(static_cast<std::size_t>(in.batch * a.kv_heads * in.room() * in.size), 0.0);
  for (std::int64_t row = 0; row < in.batch * a.kv_heads; ++row) {
    const std::int64_t before = in.before[static_cast<std::size_t>(row / a.kv_heads)];
    double* to = cache.data() + row * in.room() * in.size;
    if (before > 0) std::copy_n(past.data() + row * in.past * in.size, before * in.size, to);
    std::copy_n(now.data() + row * in.length * in.size, in.length * in.size, to + before * in.size);
  }
  return cache;
}

// The attention of one sequence, whose keys and values are taken out of the caches.
std::vector<double> attend_sequence(const GroupAttributes& a, const Inputs& in, std::int64_t b,
                                    const std::vector<double>& keys, const std::vector<double>& values,
                                    const Scores& all) {
  Heads h;
  h.batch = 1;
  h.heads = a.options.heads;
  h.queries = in.length;
  h.past = in.before[static_cast<std::size_t>(b)];
  h.keys = h.past + in.length;
  h.size = h.v_size = in.size;
  const auto first = in.q.begin() + b * h.heads * in.length * in.size;
  h.q.assign(first, first + h.heads * in.length * in.size);
  for (std::int64_t head = 0; head < h.heads; ++head) {
    const std::int64_t row = b * a.kv_heads + head / (h.heads / a.kv_heads);
    const std::int64_t at = row * in.room() * in.size;
    h.k.insert(h.k.end(), keys.begin() + at, keys.begin() + at + h.keys * in.size);
    h.v.insert(h.v.end(), values.begin() + at, values.begin() + at + h.keys * in.size);
  }
  Scores scores;
  if (a.window >= 0) {
    for (std::int64_t i = 0; i < h.queries; ++i) {
      for (std::int64_t j = 0; j < h.keys; ++j)
        scores.mask.push_back(h.past + i - j >= a.window ? -std::numeric_limits<double>::infinity() : 0);
    }
  }
  scores.bias_heads = all.bias_heads;
  for (std::int64_t row = 0; !all.bias.empty() && row < all.bias_heads * in.length; ++row) {
    const std::int64_t image = all.bias_batch == 1 ? 0 : b;
    const auto from = all.bias.begin() + (image * all.bias_heads * in.length + row) * in.total;
    scores.bias.insert(scores.bias.end(), from, from + h.keys);
  }
  return attend(a.options, h, scores);
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const GroupAttributes a, GroupAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Inputs in, read(context, a));
  CYCLOID_ASSIGN(const Tensor* q, tensor_input(context, 0, kFloats));
  if (a.window == 0) return invalid_model("local_window_size must not be 0");
  Scores scores;
  if (given(context, 10)) {
    CYCLOID_ASSIGN(const Tensor* bias, tensor_input(context, 10, kFloats));
    Heads whole;
    whole.batch = in.batch;
    whole.heads = a.options.heads;
    whole.queries = in.length;
    whole.keys = in.total;
    CYCLOID_TRY(read_bias(bias, whole, scores));
  }
  const std::vector<double> keys = cache_of(a, in, in.past_key, in.k);
  const std::vector<double> values = cache_of(a, in, in.past_value, in.v);
  std::vector<double> y;
  for (std::int64_t b = 0; b < in.batch; ++b) {
    const std::vector<double> one = attend_sequence(a, in, b, keys, values, scores);
    y.insert(y.end(), one.begin(), one.end());
  }
  std::vector<Datum> data(context.output_count());
  CYCLOID_ASSIGN(data[0],
                 make_tensor<double>(context, q->dtype(), {in.batch, in.length, a.options.heads * in.size}, y));
  for (const std::size_t i : {1U, 2U}) {
    if (!wants_output(context, i)) continue;
    CYCLOID_ASSIGN(data[i], make_tensor<double>(context, q->dtype(), {in.batch, a.kv_heads, in.room(), in.size},
                                                i == 1 ? keys : values));
  }
  return data;
}

}  // namespace

const Op kGroupQueryAttention = {.domain = kMicrosoft,
                                 .name = "GroupQueryAttention",
                                 .min_inputs = 1,
                                 .max_inputs = 17,
                                 .max_outputs = 4,
                                 .infer = infer,
                                 .evaluate = evaluate,
                                 .dtypes = kFloats};

}  // namespace cycloid
