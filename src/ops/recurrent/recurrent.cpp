#include "ops/recurrent/recurrent.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"

namespace cycloid {

double RecurrentActivation::operator()(double x) const {
  if (name == "Sigmoid") return 1.0 / (1.0 + std::exp(-x));
  if (name == "Tanh") return std::tanh(x);
  if (name == "Relu") return x > 0 ? x : 0;
  if (name == "Affine") return alpha * x + beta;
  if (name == "LeakyRelu") return x >= 0 ? x : alpha * x;
  if (name == "ThresholdedRelu") return x >= alpha ? x : 0;
  if (name == "ScaledTanh") return alpha * std::tanh(beta * x);
  if (name == "HardSigmoid") return std::clamp(alpha * x + beta, 0.0, 1.0);
  if (name == "Elu") return x >= 0 ? x : alpha * (std::exp(x) - 1);
  if (name == "Softsign") return x / (1 + std::abs(x));
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));  // Softplus: parse() lets no other name through
}

namespace {

struct ActivationDefaults {
  const char* name;
  bool takes_alpha;
  double alpha;
  bool takes_beta;
  double beta;
};

// The defaults are those of the operators of the same name.
constexpr ActivationDefaults kActivations[] = {
    {"Sigmoid", false, 0, false, 0},  {"Tanh", false, 0, false, 0},          {"Relu", false, 0, false, 0},
    {"Affine", true, 1, true, 0},     {"LeakyRelu", true, 0.01, false, 0},   {"ThresholdedRelu", true, 1, false, 0},
    {"ScaledTanh", true, 1, true, 1}, {"HardSigmoid", true, 0.2, true, 0.5}, {"Elu", true, 1, false, 0},
    {"Softsign", false, 0, false, 0}, {"Softplus", false, 0, false, 0},
};

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

Status parse_activations(const Node& node, const std::vector<std::string>& defaults, RecurrentAttributes& attributes) {
  CYCLOID_ASSIGN(auto names, get_strings(node, "activations"));
  CYCLOID_ASSIGN(const auto alphas, get_floats(node, "activation_alpha"));
  CYCLOID_ASSIGN(const auto betas, get_floats(node, "activation_beta"));
  if (names.empty()) {
    for (std::int64_t i = 0; i < attributes.directions; ++i)
      names.insert(names.end(), defaults.begin(), defaults.end());
  }
  const std::size_t wanted = defaults.size() * static_cast<std::size_t>(attributes.directions);
  if (names.size() != wanted) return invalid_model("activations has {} names, but {} are needed", names.size(), wanted);
  std::size_t alpha = 0;
  std::size_t beta = 0;
  for (const std::string& name : names) {
    const auto* const at =
        std::ranges::find_if(kActivations, [&](const auto& known) { return same_name(known.name, name); });
    if (at == std::end(kActivations)) return unsupported("the activation '{}'", name);
    RecurrentActivation activation{at->name, at->alpha, at->beta};
    if (at->takes_alpha && alpha < alphas.size()) activation.alpha = static_cast<double>(alphas[alpha++]);
    if (at->takes_beta && beta < betas.size()) activation.beta = static_cast<double>(betas[beta++]);
    attributes.activations.push_back(std::move(activation));
  }
  return {};
}

}  // namespace

Result<RecurrentAttributes> RecurrentAttributes::parse(const Node& node, const std::vector<std::string>& defaults) {
  RecurrentAttributes a;
  CYCLOID_ASSIGN(a.hidden_size, get_int(node, "hidden_size", 0));
  if (a.hidden_size < 0) return invalid_model("hidden_size is {}", a.hidden_size);
  CYCLOID_ASSIGN(const std::string direction, get_string(node, "direction", "forward"));
  if (same_name(direction, "bidirectional")) {
    a.directions = 2;
  } else if (same_name(direction, "reverse")) {
    a.reverse = true;
  } else if (!same_name(direction, "forward")) {
    return invalid_model("direction '{}' is none of forward, reverse and bidirectional", direction);
  }
  if (has_attribute(node, "clip")) {
    CYCLOID_ASSIGN(const float clip, get_float(node, "clip", 0));
    if (!(clip >= 0)) return invalid_model("clip must be 0 or more, but is {}", clip);
    if (clip > 0) a.clip = clip;  // 0 stands for none, as ONNX Runtime has it
  }
  CYCLOID_ASSIGN(const std::int64_t layout, get_int(node, "layout", 0));
  if (layout != 0 && layout != 1) return invalid_model("layout must be 0 or 1, but is {}", layout);
  a.batch_first = layout == 1;
  CYCLOID_ASSIGN(const std::int64_t linear, get_int(node, "linear_before_reset", 0));
  CYCLOID_ASSIGN(const std::int64_t input_forget, get_int(node, "input_forget", 0));
  a.linear_before_reset = linear != 0;
  a.input_forget = input_forget != 0;
  CYCLOID_TRY(parse_activations(node, defaults, a));
  return a;
}

Status infer_recurrent(InferContext& context, const RecurrentAttributes& a, std::int64_t gates, bool check_weights) {
  CYCLOID_ASSIGN(const ValueType x, input_type(context, 0, kFloats));
  CYCLOID_ASSIGN(const ValueType w, input_type(context, 1));
  CYCLOID_ASSIGN(const ValueType r, input_type(context, 2));
  CYCLOID_TRY(check_rank(x, 3, "X"));
  CYCLOID_TRY(check_rank(w, 3, "W"));
  CYCLOID_TRY(check_rank(r, 3, "R"));
  CYCLOID_TRY(optional_input_type(context, 4, DTypeSet{DType::kInt32}));
  Dim hidden = a.hidden_size > 0 ? Dim(a.hidden_size) : Dim::unknown();
  if (check_weights) {
    CYCLOID_TRY(check_same_dtype(x, w, "X and W"));
    CYCLOID_TRY(check_same_dtype(x, r, "X and R"));
    if (r.shape) hidden = known_of(hidden, (*r.shape)[2]);
    for (const ValueType* weights : {&w, &r}) {
      if (!weights->shape) continue;
      CYCLOID_TRY(check_equal((*weights->shape)[0], a.directions, "directions of the weights and of the node"));
      CYCLOID_TRY(
          check_equal((*weights->shape)[1], hidden * gates, "rows of the weights, and gates times hidden size"));
    }
    if (r.shape) CYCLOID_TRY(check_equal((*r.shape)[2], hidden, "columns of R, and the hidden size"));
    if (w.shape && x.shape) CYCLOID_TRY(check_equal((*w.shape)[2], (*x.shape)[2], "columns of W, and the input size"));
  }
  const Dim steps = x.shape ? (*x.shape)[a.batch_first ? 1 : 0] : Dim::unknown();
  const Dim batch = x.shape ? (*x.shape)[a.batch_first ? 0 : 1] : Dim::unknown();
  const Shape all =
      a.batch_first ? Shape{batch, steps, a.directions, hidden} : Shape{steps, a.directions, batch, hidden};
  const Shape last = a.batch_first ? Shape{batch, a.directions, hidden} : Shape{a.directions, batch, hidden};
  for (std::size_t i = 0; i < context.output_count(); ++i)
    context.set_output(i, ValueType::tensor(x.dtype, i == 0 ? all : last));
  return {};
}

Result<Cost> recurrent_cost(const Graph& graph, const Node& node, std::int64_t gates) {
  const Shape* x = input_shape(graph, node, 0);
  const Shape* r = input_shape(graph, node, 2);
  if (x == nullptr || r == nullptr || x->size() != 3 || r->size() != 3)
    return cost_with_flops(graph, node, Dim::unknown());
  // hidden is what R is square in; its other axis has gates times as much.
  const Dim hidden = (*r)[2];
  const Dim multiply_adds = (*x)[0] * (*x)[1] * (*r)[0] * hidden * gates * ((*x)[2] + hidden);
  return cost_with_flops(graph, node, multiply_adds * 2);
}

namespace {

// A tensor of the wanted shape as doubles; zeros where it is absent.
Result<std::vector<double>> read_as(const Tensor* tensor, const Dims& dims, std::string_view what) {
  if (tensor == nullptr) return std::vector<double>(static_cast<std::size_t>(product(dims, 0, dims.size())), 0.0);
  if (tensor->dims() != dims) {
    return invalid_argument("{} must have shape {}, but has {}", what, to_string(dims), to_string(tensor->dims()));
  }
  return doubles(*tensor);
}

// [rows, columns] of matrix `index` in a stack of them, transposed.
std::vector<double> transposed_matrix(const std::vector<double>& all, std::int64_t index, std::int64_t rows,
                                      std::int64_t columns) {
  std::vector<double> matrix(static_cast<std::size_t>(rows * columns));
  const double* from = all.data() + index * rows * columns;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) matrix[static_cast<std::size_t>(j * rows + i)] = from[i * columns + j];
  }
  return matrix;
}

std::vector<double> part(const std::vector<double>& all, std::int64_t begin, std::int64_t count) {
  return {all.begin() + begin, all.begin() + begin + count};
}

// [batch, directions, n] as [directions, batch, n].
std::vector<double> swap_leading(const std::vector<double>& from, std::int64_t a, std::int64_t b, std::int64_t n) {
  std::vector<double> to(from.size());
  for (std::int64_t i = 0; i < a; ++i) {
    for (std::int64_t j = 0; j < b; ++j) std::copy_n(from.begin() + (i * b + j) * n, n, to.begin() + (j * a + i) * n);
  }
  return to;
}

}  // namespace

Result<RecurrentInputs> RecurrentInputs::read(EvalContext& context, const RecurrentAttributes& a, std::int64_t gates) {
  CYCLOID_ASSIGN(const Tensor* w, tensor_input(context, 1, kFloats));
  CYCLOID_ASSIGN(const Tensor* r, tensor_input(context, 2, kFloats));
  CYCLOID_TRY(check_rank(*r, 3, "R"));
  CYCLOID_ASSIGN(RecurrentInputs in, read_without_weights(context, a, gates, r->dim(2)));
  const RecurrentSizes& s = in.sizes;
  const std::int64_t rows = gates * s.hidden;
  CYCLOID_ASSIGN(const auto w_all, read_as(w, {a.directions, rows, s.input}, "W"));
  CYCLOID_ASSIGN(const auto r_all, read_as(r, {a.directions, rows, s.hidden}, "R"));
  for (std::int64_t d = 0; d < a.directions; ++d) {
    RecurrentWeights& weights = in.weights[static_cast<std::size_t>(d)];
    weights.w = transposed_matrix(w_all, d, rows, s.input);
    weights.r = transposed_matrix(r_all, d, rows, s.hidden);
  }
  return in;
}

Result<RecurrentInputs> RecurrentInputs::read_without_weights(EvalContext& context, const RecurrentAttributes& a,
                                                              std::int64_t gates, std::int64_t hidden) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloats));
  CYCLOID_TRY(check_rank(*x, 3, "X"));
  RecurrentInputs in;
  in.dtype = x->dtype();
  in.sizes = {x->dim(a.batch_first ? 1 : 0), x->dim(a.batch_first ? 0 : 1), x->dim(2), hidden};
  const RecurrentSizes& s = in.sizes;
  if (a.hidden_size > 0 && a.hidden_size != s.hidden)
    return invalid_argument("hidden_size is {}, but R has {}", a.hidden_size, s.hidden);
  const auto rows = Dim(gates) * s.hidden;
  if (!rows.is_known() || !(rows * 2).is_known()) return invalid_argument("a hidden size of {}", s.hidden);
  CYCLOID_ASSIGN(in.x, doubles(*x));
  if (a.batch_first) in.x = swap_leading(in.x, s.batch, s.steps, s.input);
  const auto optional = [&](std::size_t i) { return optional_tensor_input(context, i, kFloats); };
  CYCLOID_ASSIGN(const Tensor* b, optional(3));
  CYCLOID_ASSIGN(const auto b_all, read_as(b, {a.directions, 2 * rows.value()}, "B"));
  const Dims state = a.batch_first ? Dims{s.batch, a.directions, s.hidden} : Dims{a.directions, s.batch, s.hidden};
  CYCLOID_ASSIGN(const Tensor* h, optional(5));
  CYCLOID_ASSIGN(in.h, read_as(h, state, "initial_h"));
  if (a.batch_first) in.h = swap_leading(in.h, s.batch, a.directions, s.hidden);
  std::vector<double> peepholes;
  if (gates == 4) {
    CYCLOID_ASSIGN(const Tensor* c, optional(6));
    CYCLOID_ASSIGN(in.c, read_as(c, state, "initial_c"));
    if (a.batch_first) in.c = swap_leading(in.c, s.batch, a.directions, s.hidden);
    CYCLOID_ASSIGN(const Tensor* p, optional(7));
    if (p != nullptr) {
      CYCLOID_ASSIGN(peepholes, read_as(p, {a.directions, 3 * s.hidden}, "P"));
    }
  }
  for (std::int64_t d = 0; d < a.directions; ++d) {
    RecurrentWeights weights;
    weights.wb = part(b_all, d * 2 * rows.value(), rows.value());
    weights.rb = part(b_all, (d * 2 + 1) * rows.value(), rows.value());
    if (!peepholes.empty()) weights.peepholes = part(peepholes, d * 3 * s.hidden, 3 * s.hidden);
    in.weights.push_back(std::move(weights));
  }
  CYCLOID_ASSIGN(const Tensor* lengths, optional_tensor_input(context, 4, DTypeSet{DType::kInt32}));
  in.lengths.assign(static_cast<std::size_t>(s.batch), s.steps);
  if (lengths != nullptr) {
    if (lengths->dims() != Dims{s.batch}) return invalid_argument("sequence_lens must have one length a batch element");
    in.lengths = to_int64s(*lengths);
    for (const std::int64_t length : in.lengths) {
      if (length < 0 || length > s.steps)
        return invalid_argument("sequence length {} is outside [0, {}]", length, s.steps);
    }
  }
  return in;
}

void add_product(const double* h, const double* matrix, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                 double* to) {
  for (std::int64_t k = 0; k < rows; ++k) {
    const double factor = h[k];
    const double* row = matrix + k * stride;
    for (std::int64_t j = 0; j < columns; ++j) to[j] += factor * row[j];
  }
}

namespace {

// Doubles as a tensor of the dtype, each rounded once to float32 where that is not wide enough.
Result<Tensor> as_tensor(const std::vector<double>& values, Dims dims, DType dtype) {
  const DType wide = dtype == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  CYCLOID_ASSIGN(Tensor tensor, Tensor::empty(wide, std::move(dims)));
  dispatch<float, double>(wide, [&]<class T>(T) {
    std::ranges::transform(values, tensor.mutable_data<T>().begin(),
                           [](double value) { return static_cast<T>(value); });
  });
  return narrowed(std::move(tensor), dtype);
}

}  // namespace

Result<std::vector<Datum>> run_recurrent(EvalContext& context, const RecurrentAttributes& a, RecurrentInputs in,
                                         std::int64_t gates, const RecurrentStep& step) {
  const RecurrentSizes& s = in.sizes;
  const std::int64_t rows = gates * s.hidden;
  const Dims y_dims =
      a.batch_first ? Dims{s.batch, s.steps, a.directions, s.hidden} : Dims{s.steps, a.directions, s.batch, s.hidden};
  CYCLOID_TRY(concrete(to_shape(y_dims)));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, y_dims));
  std::vector<double> y(static_cast<std::size_t>(product(y_dims, 0, 4)), 0.0);
  std::vector<double> input_part(static_cast<std::size_t>(s.steps * s.batch * rows));
  std::vector<double> scratch(static_cast<std::size_t>(2 * rows));
  const std::size_t per_direction = a.activations.size() / static_cast<std::size_t>(a.directions);
  for (std::int64_t d = 0; d < a.directions; ++d) {
    const RecurrentWeights& weights = in.weights[static_cast<std::size_t>(d)];
    matrix_product<double>(s.steps * s.batch, rows, s.input, {in.x.data(), s.input, 1}, {weights.w.data(), rows, 1},
                           [&](std::int64_t i, std::int64_t j, double sum) {
                             input_part[static_cast<std::size_t>(i * rows + j)] =
                                 sum + weights.wb[static_cast<std::size_t>(j)];
                           });
    for (std::int64_t b = 0; b < s.batch; ++b) {
      double* h = in.h.data() + (d * s.batch + b) * s.hidden;
      double* c = in.c.empty() ? nullptr : in.c.data() + (d * s.batch + b) * s.hidden;
      const std::int64_t length = in.lengths[static_cast<std::size_t>(b)];
      for (std::int64_t i = 0; i < length; ++i) {
        if (stopping()) break;
        const std::int64_t t = a.reversed(d) ? length - 1 - i : i;
        step(weights, a.activations.data() + static_cast<std::size_t>(d) * per_direction,
             input_part.data() + (t * s.batch + b) * rows, h, c, scratch.data());
        const std::int64_t at =
            a.batch_first ? (b * s.steps + t) * a.directions + d : (t * a.directions + d) * s.batch + b;
        std::copy_n(h, s.hidden, y.begin() + at * s.hidden);
      }
    }
  }
  std::vector<Datum> data;
  CYCLOID_ASSIGN(Tensor y_tensor, as_tensor(y, y_dims, in.dtype));
  data.emplace_back(std::move(y_tensor));
  for (std::vector<double>* state : {&in.h, &in.c}) {
    if (a.batch_first && !state->empty()) *state = swap_leading(*state, a.directions, s.batch, s.hidden);
    if (state == &in.c && gates != 4) continue;
    const Dims dims = a.batch_first ? Dims{s.batch, a.directions, s.hidden} : Dims{a.directions, s.batch, s.hidden};
    CYCLOID_ASSIGN(Tensor tensor, as_tensor(*state, dims, in.dtype));
    data.emplace_back(std::move(tensor));
  }
  return data;
}

}  // namespace cycloid
