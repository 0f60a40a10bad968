// LinearAttention: a state for each head that keys write values to and queries read from, token by token.
#include <cmath>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/nn/list.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

constexpr DTypeSet kTypes{DType::kFloat32, DType::kFloat16, DType::kBFloat16};

struct LinearAttributes {
  std::int64_t q_heads = 0;
  std::int64_t kv_heads = 0;
  bool gated = false;  // the state decays
  bool delta = false;  // a value replaces what its key reads, and is not added to it
  double scale = 0;    // 0: 1 / sqrt(key size)

  static Result<LinearAttributes> parse(const Node& node) {
    LinearAttributes a;
    CYCLOID_ASSIGN(const std::string rule, get_string(node, "update_rule", "gated_delta"));
    if (rule != "linear" && rule != "gated" && rule != "delta" && rule != "gated_delta")
      return invalid_model("update_rule '{}' is none of linear, gated, delta and gated_delta", rule);
    a.gated = rule.starts_with("gated");
    a.delta = rule.ends_with("delta");
    CYCLOID_ASSIGN(a.q_heads, get_int(node, "q_num_heads", 0));
    CYCLOID_ASSIGN(a.kv_heads, get_int(node, "kv_num_heads", 0));
    if (a.q_heads < 1 || a.kv_heads < 1 || a.q_heads % a.kv_heads != 0)
      return invalid_model("{} query heads cannot share {} key heads", a.q_heads, a.kv_heads);
    CYCLOID_ASSIGN(const float scale, get_float(node, "scale", 0));
    a.scale = static_cast<double>(scale);
    return a;
  }
};

struct Sizes {
  Dim batch, length, key, value;
};

// Query (B, T, q_heads * key), key (B, T, kv_heads * key), value (B, T, kv_heads * value).
Result<Sizes> sizes_of(const LinearAttributes& a, const Shape& q, const Shape& k, const Shape& v) {
  if (q.size() != 3 || k.size() != 3 || v.size() != 3) {
    return invalid_argument("query {}, key {} and value {} must have rank 3", to_string(q), to_string(k), to_string(v));
  }
  for (const auto& [hidden, heads] :
       {std::pair(q[2], a.q_heads), std::pair(k[2], a.kv_heads), std::pair(v[2], a.kv_heads)}) {
    if (hidden.is_known() && (hidden.value() < heads || hidden.value() % heads != 0))
      return invalid_argument("a size of {} cannot be split into {} heads", hidden.value(), heads);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    CYCLOID_TRY(check_equal(q[i], k[i], "sizes of query and key"));
    CYCLOID_TRY(check_equal(q[i], v[i], "sizes of query and value"));
  }
  const Dim key = Dim::floor_div(q[2], a.q_heads);
  CYCLOID_TRY(check_equal(key, Dim::floor_div(k[2], a.kv_heads), "head sizes of query and key"));
  return Sizes{known_of(q[0], k[0]), known_of(q[1], k[1]), key, Dim::floor_div(v[2], a.kv_heads)};
}

Status check_gates(const LinearAttributes& a, bool has_decay, bool has_beta) {
  if (has_decay != a.gated) return invalid_model("decay is an input of the gated rules, and of no others");
  if (has_beta != a.delta) return invalid_model("beta is an input of the delta rules, and of no others");
  return {};
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const LinearAttributes a, LinearAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const ValueType q, input_type(context, 0, kTypes));
  CYCLOID_ASSIGN(const ValueType k, input_type(context, 1, kTypes));
  CYCLOID_ASSIGN(const ValueType v, input_type(context, 2, kTypes));
  CYCLOID_ASSIGN(const auto past, optional_input_type(context, 3, kTypes));
  CYCLOID_ASSIGN(const auto decay, optional_input_type(context, 4, kTypes));
  CYCLOID_ASSIGN(const auto beta, optional_input_type(context, 5, kTypes));
  CYCLOID_TRY(check_gates(a, decay.has_value(), beta.has_value()));
  CYCLOID_TRY(check_same_dtype(q, k, "query and key"));
  CYCLOID_TRY(check_same_dtype(q, v, "query and value"));
  if (past) CYCLOID_TRY(check_rank(*past, 4, "past_state"));
  ValueType y = ValueType::tensor(q.dtype);
  ValueType state = past ? *past : ValueType::tensor(q.dtype);
  if (q.shape && k.shape && v.shape) {
    CYCLOID_ASSIGN(const Sizes s, sizes_of(a, *q.shape, *k.shape, *v.shape));
    y.shape = Shape{s.batch, s.length, s.value * a.q_heads};
    state.shape = Shape{s.batch, a.kv_heads, s.key, s.value};
  }
  context.set_output(0, std::move(y));
  if (wants_output(context, 1)) context.set_output(1, std::move(state));
  return {};
}

// A gate (B, T, n): one number for each head of a token, or one for each of a head's key elements (n = kv_heads * key),
// or one for all heads (n = 1, if `shared`).
struct Gate {
  std::vector<double> values;
  std::int64_t width = 0;
  std::int64_t heads = 0;

  static Result<Gate> read(const EvalContext& context, std::size_t i, const Dims& q, std::int64_t heads,
                           std::int64_t key, bool shared) {
    Gate gate;
    CYCLOID_ASSIGN(const Tensor* tensor, tensor_input(context, i, kTypes));
    const Dims& dims = tensor->dims();
    const bool fits = dims.size() == 3 && dims[0] == q[0] && dims[1] == q[1] &&
                      (dims[2] == heads || (shared ? dims[2] == 1 : dims[2] == heads * key));
    if (!fits)
      return invalid_argument("input {} of shape {} does not fit the query {}", i, to_string(dims), to_string(q));
    CYCLOID_ASSIGN(gate.values, doubles(*tensor));
    gate.width = dims[2];
    gate.heads = heads;
    return gate;
  }
  // For `token` counted over the batch, a head, and an element of its key.
  double at(std::int64_t token, std::int64_t head, std::int64_t d) const {
    const std::int64_t each = width / heads;  // 0: shared by all heads
    return values[static_cast<std::size_t>(token * width + (each == 0 ? 0 : each == 1 ? head : head * each + d))];
  }
};

struct Operands {
  std::int64_t batch = 0, length = 0, key = 0, value = 0;
  std::vector<double> q, k, v, state;
  Gate decay, beta;
};

Result<Operands> read_operands(const EvalContext& context, const LinearAttributes& a) {
  CYCLOID_ASSIGN(const Tensor* q, tensor_input(context, 0, kTypes));
  CYCLOID_ASSIGN(const Tensor* k, tensor_input(context, 1, kTypes));
  CYCLOID_ASSIGN(const Tensor* v, tensor_input(context, 2, kTypes));
  CYCLOID_ASSIGN(const Tensor* past, optional_tensor_input(context, 3, kTypes));
  CYCLOID_ASSIGN(const Tensor* decay, optional_tensor_input(context, 4, kTypes));
  CYCLOID_ASSIGN(const Tensor* beta, optional_tensor_input(context, 5, kTypes));
  CYCLOID_TRY(check_gates(a, decay != nullptr, beta != nullptr));
  CYCLOID_ASSIGN(const Sizes s, sizes_of(a, to_shape(q->dims()), to_shape(k->dims()), to_shape(v->dims())));
  Operands in;
  in.batch = s.batch.value();
  in.length = s.length.value();
  in.key = s.key.value();
  in.value = s.value.value();
  const Dims state{in.batch, a.kv_heads, in.key, in.value};
  CYCLOID_TRY(concrete(to_shape(state)));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, state));
  if (past != nullptr) {
    if (past->dims() != state)
      return invalid_argument("past_state must have shape {}, not {}", to_string(state), to_string(past->dims()));
    CYCLOID_ASSIGN(in.state, doubles(*past));
  } else {
    in.state.assign(static_cast<std::size_t>(*element_count(state)), 0.0);
  }
  CYCLOID_ASSIGN(in.q, doubles(*q));
  CYCLOID_ASSIGN(in.k, doubles(*k));
  CYCLOID_ASSIGN(in.v, doubles(*v));
  if (a.gated) {
    CYCLOID_ASSIGN(in.decay, Gate::read(context, 4, q->dims(), a.kv_heads, in.key, false));
  }
  if (a.delta) {
    CYCLOID_ASSIGN(in.beta, Gate::read(context, 5, q->dims(), a.kv_heads, in.key, true));
  }
  return in;
}

// One token's write to one head's state (key x value).
void update(const LinearAttributes& a, const Operands& in, std::int64_t token, std::int64_t head, double* state) {
  const double* k = in.k.data() + (token * a.kv_heads + head) * in.key;
  const double* v = in.v.data() + (token * a.kv_heads + head) * in.value;
  for (std::int64_t d = 0; a.gated && d < in.key; ++d) {
    const double factor = std::exp(in.decay.at(token, head, d));
    for (std::int64_t m = 0; m < in.value; ++m) state[d * in.value + m] *= factor;
  }
  for (std::int64_t m = 0; m < in.value; ++m) {
    double written = v[m];
    if (a.delta) {
      double read = 0;
      for (std::int64_t d = 0; d < in.key; ++d) read += state[d * in.value + m] * k[d];
      written = in.beta.at(token, head, 0) * (written - read);
    }
    for (std::int64_t d = 0; d < in.key; ++d) state[d * in.value + m] += k[d] * written;
  }
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const LinearAttributes a, LinearAttributes::parse(context.node()));
  CYCLOID_ASSIGN(Operands in, read_operands(context, a));
  CYCLOID_ASSIGN(const Tensor* q, tensor_input(context, 0, kTypes));
  CYCLOID_ASSIGN(const Tensor* past, optional_tensor_input(context, 3, kTypes));
  const Dims dims{in.batch, in.length, a.q_heads * in.value};
  CYCLOID_TRY(concrete(to_shape(dims)));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, dims));
  std::vector<double> y(static_cast<std::size_t>(*element_count(dims)));
  const double scale = a.scale != 0 ? a.scale : 1 / std::sqrt(static_cast<double>(in.key));
  const std::int64_t shared = a.q_heads / a.kv_heads;  // query heads that read one state
  for (std::int64_t token = 0; token < in.batch * in.length; ++token) {
    if (stopping()) break;
    for (std::int64_t head = 0; head < a.kv_heads; ++head) {
      double* state = in.state.data() + (token / in.length * a.kv_heads + head) * in.key * in.value;
      update(a, in, token, head, state);
      for (std::int64_t h = head * shared; h < (head + 1) * shared; ++h) {
        const double* query = in.q.data() + (token * a.q_heads + h) * in.key;
        double* to = y.data() + (token * a.q_heads + h) * in.value;
        for (std::int64_t d = 0; d < in.key; ++d) {
          for (std::int64_t m = 0; m < in.value; ++m) to[m] += scale * query[d] * state[d * in.value + m];
        }
      }
    }
  }
  CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, q->dtype(), dims, y));
  CYCLOID_ASSIGN(Tensor present, make_tensor<double>(context, past != nullptr ? past->dtype() : q->dtype(),
                                                     {in.batch, a.kv_heads, in.key, in.value}, in.state));
  std::vector<Datum> data = outputs(std::move(result));
  data.emplace_back(std::move(present));
  return data;
}

// A token writes each state element (2) and reads it once for each query head (2); decay and correction add 3.
Result<Cost> cost(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const LinearAttributes a, LinearAttributes::parse(node));
  const Shape* q = input_shape(graph, node, 0);
  const Shape* k = input_shape(graph, node, 1);
  const Shape* v = input_shape(graph, node, 2);
  if (q == nullptr || k == nullptr || v == nullptr) return cost_with_flops(graph, node, Dim::unknown());
  CYCLOID_ASSIGN(const Sizes s, sizes_of(a, *q, *k, *v));
  const std::int64_t write = 2 + (a.gated ? 1 : 0) + (a.delta ? 2 : 0);
  return cost_with_flops(graph, node, s.batch * s.length * s.key * s.value * (a.kv_heads * write + a.q_heads * 2));
}

}  // namespace

const Op kLinearAttention = {.domain = "",
                             .name = "LinearAttention",
                             .since = 27,
                             .min_inputs = 3,
                             .max_inputs = 6,
                             .max_outputs = 2,
                             .infer = infer,
                             .evaluate = evaluate,
                             .cost = cost};

}  // namespace cycloid
