#include "ops/generator/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/elements.h"
#include "ops/elementwise/cast.h"
#include "ops/infer.h"

namespace cycloid {
namespace {

using Outputs = Result<std::vector<Datum>>;

// SplitMix64 (Steele, Lea, Flood 2014): 64 well-mixed bits a step; the same on every platform, unlike std:: distributions.
class Random {
 public:
  static Result<Random> of(const Node& node) {
    if (const auto at = node.attributes.find("seed");
        at != node.attributes.end()) {  // an integer for Dropout, else a float
      if (const auto* integer = std::get_if<std::int64_t>(&at->second))
        return Random(static_cast<std::uint64_t>(*integer));
      CYCLOID_ASSIGN(const float seed, get_float(node, "seed", 0.0F));
      return Random(std::bit_cast<std::uint32_t>(seed));
    }
    std::uint64_t hash = 14695981039346656037U;  // FNV-1a
    for (const char c : node.name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return Random(hash);
  }

  double uniform() {  // in [0, 1)
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
  }
  double normal() {  // Box and Muller
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t state_;
};

Status infer_random(InferContext& context) {
  CYCLOID_ASSIGN(const DType dtype, get_dtype(context.node(), "dtype", DType::kFloat32));
  CYCLOID_ASSIGN(const auto shape, get_ints(context.node(), "shape"));
  context.set_output(0, ValueType::tensor(dtype, to_shape(shape)));
  return {};
}

Status infer_random_like(InferContext& context) {
  CYCLOID_ASSIGN(const DType dtype, get_dtype(context.node(), "dtype", dtype_of(context, 0)));
  const Shape* shape = shape_of(context, 0);
  context.set_output(0, tensor_type(dtype, shape != nullptr ? std::optional(*shape) : std::nullopt));
  return {};
}

template <bool kNormal>
Outputs evaluate_random(EvalContext& context) {
  const Node& node = context.node();
  const Tensor* like = context.optional_tensor(0);
  CYCLOID_ASSIGN(const DType dtype, get_dtype(node, "dtype", like != nullptr ? like->dtype() : DType::kFloat32));
  CYCLOID_ASSIGN(Dims dims, get_ints(node, "shape"));
  if (like != nullptr) dims = like->dims();
  CYCLOID_ASSIGN(const double a, get_float(node, kNormal ? "mean" : "low", 0.0F));
  CYCLOID_ASSIGN(const double b, get_float(node, kNormal ? "scale" : "high", 1.0F));
  CYCLOID_ASSIGN(Random random, Random::of(node));
  if (!kFloats.contains(dtype)) return invalid_argument("it makes no {} tensors", to_string(dtype));
  CYCLOID_ASSIGN(Tensor y, context.allocate(dtype, std::move(dims)));
  for (std::int64_t i = 0; i < y.element_count(); ++i) {
    const double value = kNormal ? a + b * random.normal() : a + (b - a) * random.uniform();
    store<double>(y, i, std::span<const double>(&value, 1));
  }
  return std::vector<Datum>{std::move(y)};
}

Outputs evaluate_bernoulli(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const DType dtype, get_dtype(context.node(), "dtype", x->dtype()));
  CYCLOID_ASSIGN(Random random, Random::of(context.node()));
  std::vector<std::int64_t> drawn;
  for (const double p : load_all<double>(*x)) drawn.push_back(random.uniform() < p ? 1 : 0);
  CYCLOID_ASSIGN(Tensor y, make_tensor<std::int64_t>(context, dtype, x->dims(), drawn));
  return std::vector<Datum>{std::move(y)};
}

// --- Multinomial: x (batch, classes) are log-probabilities, not normalised.
Status infer_multinomial(InferContext& context) {
  CYCLOID_TRY(check_rank(context, 0, 2, 2));
  CYCLOID_ASSIGN(const DType dtype, get_dtype(context.node(), "dtype", DType::kInt32));
  CYCLOID_ASSIGN(const std::int64_t samples, get_int(context.node(), "sample_size", 1));
  if (samples < 0) return invalid_model("attribute 'sample_size' is {}", samples);
  const Shape* shape = shape_of(context, 0);
  context.set_output(0, ValueType::tensor(dtype, {shape != nullptr ? shape->front() : Dim::unknown(), samples}));
  return {};
}

Outputs evaluate_multinomial(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const DType dtype, get_dtype(context.node(), "dtype", DType::kInt32));
  CYCLOID_ASSIGN(const std::int64_t samples, get_int(context.node(), "sample_size", 1));
  CYCLOID_ASSIGN(Random random, Random::of(context.node()));
  if (x->rank() != 2 || x->dim(1) == 0) return invalid_argument("the input must have shape [batch, classes]");
  CYCLOID_ASSIGN(Tensor y, context.allocate(dtype, {x->dim(0), samples}));
  std::vector<double> weights(static_cast<std::size_t>(x->dim(1)));
  for (std::int64_t row = 0; row < x->dim(0); ++row) {
    load<double>(*x, row * x->dim(1), weights);
    const double greatest = *std::ranges::max_element(weights);
    double sum = 0;
    for (double& w : weights) sum += w = std::exp(w - greatest);
    for (std::int64_t s = 0; s < samples; ++s) {
      CYCLOID_TRY(check_stop());
      double left = random.uniform() * sum;
      std::int64_t pick = 0;
      while (pick + 1 < x->dim(1) && left >= weights[static_cast<std::size_t>(pick)])
        left -= weights[static_cast<std::size_t>(pick++)];
      store<std::int64_t>(y, row * samples + s, std::span<const std::int64_t>(&pick, 1));
    }
  }
  return std::vector<Datum>{std::move(y)};
}

// --- Dropout: the identity, unless input 2 says that the model is in training.
Status infer_dropout(InferContext& context) {
  CYCLOID_TRY(infer_same(context));
  const Shape* shape = shape_of(context, 0);
  context.set_output(1, tensor_type(DType::kBool, shape != nullptr ? std::optional(*shape) : std::nullopt));
  return {};
}

Outputs evaluate_dropout(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  double ratio = 0.5;
  if (const Tensor* tensor = context.optional_tensor(1)) {
    CYCLOID_ASSIGN(ratio, load_scalar<double>(*tensor, "the ratio"));
  }
  std::int64_t training = 0;
  if (const Tensor* tensor = context.optional_tensor(2)) {
    CYCLOID_ASSIGN(training, load_scalar<std::int64_t>(*tensor, "training_mode"));
  }
  const bool drops = training != 0 && ratio != 0;
  std::vector<Datum> outputs;
  CYCLOID_ASSIGN(Tensor mask, context.allocate(DType::kBool, x->dims()));
  for (bool& keep : mask.mutable_data<bool>()) keep = true;
  if (!drops) {
    outputs.emplace_back(*x);
    outputs.emplace_back(std::move(mask));
    return outputs;
  }
  if (!(ratio >= 0 && ratio < 1)) return invalid_argument("the ratio is {}, but must be in [0, 1)", ratio);
  CYCLOID_ASSIGN(Random random, Random::of(context.node()));
  std::vector<double> values = load_all<double>(*x);
  const auto keeps = mask.mutable_data<bool>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    keeps[i] = random.uniform() >= ratio;
    values[i] = keeps[i] ? values[i] / (1 - ratio) : 0;
  }
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, x->dtype(), x->dims(), values));
  outputs.emplace_back(std::move(y));
  outputs.emplace_back(std::move(mask));
  return outputs;
}

constexpr Op random_op(std::string_view name, std::size_t inputs, Status (*infer)(InferContext&),
                       Outputs (*evaluate)(EvalContext&)) {
  return {
      .name = name,
      .since = 22,
      .min_inputs = inputs,
      .max_inputs = inputs,
      .infer = infer,
      .evaluate = evaluate,
      .random = true,
  };
}

constexpr Op kOps[] = {
    random_op("Bernoulli", 1, infer_random_like, evaluate_bernoulli),
    random_op("Multinomial", 1, infer_multinomial, evaluate_multinomial),
    random_op("RandomNormal", 0, infer_random, evaluate_random<true>),
    random_op("RandomNormalLike", 1, infer_random_like, evaluate_random<true>),
    random_op("RandomUniform", 0, infer_random, evaluate_random<false>),
    random_op("RandomUniformLike", 1, infer_random_like, evaluate_random<false>),
};

}  // namespace

// Not marked random: without training mode it is the identity, and with it a fixed function of its inputs and name.
constinit const Op kDropout{
    .name = "Dropout",
    .since = 22,
    .min_inputs = 1,
    .max_inputs = 3,
    .max_outputs = 2,
    .infer = infer_dropout,
    .evaluate = evaluate_dropout,
    .dtypes = kFloats | kFloat8s,
};

void add_random_ops(OpList& list) {
  for (const Op& op : kOps) list.push_back(&op);
}

}  // namespace cycloid
