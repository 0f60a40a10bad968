#include "ops/activation/parametric.h"

#include <cmath>

#include "base/error.h"
#include "ops/broadcast.h"
#include "ops/cost.h"
#include "ops/from_double.h"
#include "ops/infer.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

using Outputs = Result<std::vector<Datum>>;

// A float attribute of the operator and its default. A null name: the operator has no such attribute.
struct Parameter {
  const char* name = nullptr;
  float fallback = 0;
};

// F(x, a, b), with up to two float attributes.
using Function = double (*)(double x, double a, double b);

Result<double> parameter(const Node& node, Parameter parameter) {
  if (parameter.name == nullptr) return 0.0;
  CYCLOID_ASSIGN(const float value, get_float(node, parameter.name, parameter.fallback));
  return static_cast<double>(value);
}

template <Function F, Parameter A, Parameter B>
Status infer_function(InferContext& context) {
  CYCLOID_TRY(parameter(context.node(), A));
  CYCLOID_TRY(parameter(context.node(), B));
  return infer_same(context);
}

template <Function F, Parameter A, Parameter B>
Outputs evaluate_function(EvalContext& context) {
  CYCLOID_ASSIGN(const double a, parameter(context.node(), A));
  CYCLOID_ASSIGN(const double b, parameter(context.node(), B));
  return map_float(context, [a, b](double x) { return F(x, a, b); });
}

// kFlops counts a transcendental function as one operation.
template <Function F, int kFlops, Parameter A = Parameter{}, Parameter B = Parameter{}>
constexpr Op activation(std::string_view name, std::int64_t since) {
  return {
      .name = name,
      .since = since,
      .min_inputs = 1,
      .max_inputs = 1,
      .infer = infer_function<F, A, B>,
      .evaluate = evaluate_function<F, A, B>,
      .cost = cost_per_output<kFlops>,
      .dtypes = kFloats,
  };
}

constexpr char kAlpha[] = "alpha";
constexpr char kBeta[] = "beta";
constexpr char kGamma[] = "gamma";

double sigmoid(double x, double, double) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double softplus(double x, double, double) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
double hard_sigmoid(double x, double a, double b) {
  return std::isnan(x) ? x : std::max(0.0, std::min(1.0, a * x + b));
}

double elu(double x, double a, double) { return x < 0 ? a * std::expm1(x) : x; }
double selu(double x, double a, double gamma) { return gamma * (x > 0 ? x : a * std::expm1(x)); }
double celu(double x, double a, double) { return x < 0 ? a * std::expm1(x / a) : x; }
double leaky_relu(double x, double a, double) { return x < 0 ? a * x : x; }
double thresholded_relu(double x, double a, double) { return x > a ? x : 0.0; }
double hard_swish(double x, double, double) { return x * hard_sigmoid(x, 1.0 / 6, 0.5); }
double tanh(double x, double, double) { return std::tanh(x); }
double softsign(double x, double, double) { return x / (1 + std::fabs(x)); }
double mish(double x, double, double) { return x * std::tanh(softplus(x, 0, 0)); }
double swish(double x, double a, double) { return x * sigmoid(a * x, 0, 0); }

// --- Gelu: exact, or by tanh.
Result<bool> gelu_by_tanh(const Node& node) {
  const Result<std::string> approximate = get_string(node, "approximate", "none");
  if (!approximate) return approximate.error();
  if (*approximate == "none") return false;
  if (*approximate == "tanh") return true;
  return invalid_model("attribute 'approximate' is '{}', but must be 'none' or 'tanh'", *approximate);
}

Status infer_gelu(InferContext& context) {
  CYCLOID_TRY(gelu_by_tanh(context.node()));
  return infer_same(context);
}

Outputs evaluate_gelu(EvalContext& context) {
  CYCLOID_ASSIGN(const bool by_tanh, gelu_by_tanh(context.node()));
  if (by_tanh) {
    constexpr double kSqrt2OverPi = 0.79788456080286535588;
    return map_float(context,
                     [](double x) { return 0.5 * x * (1 + std::tanh(kSqrt2OverPi * (x + 0.044715 * x * x * x))); });
  }
  return map_float(context, [](double x) { return 0.5 * x * (1 + std::erf(x * 0.70710678118654752440)); });
}

// --- Shrink: x + bias below -lambd, x - bias above lambd, 0 between. Integers are computed in double, and truncate.
Outputs evaluate_shrink(EvalContext& context) {
  CYCLOID_ASSIGN(const double lambd, parameter(context.node(), {"lambd", 0.5F}));
  CYCLOID_ASSIGN(const double bias, parameter(context.node(), {"bias", 0.0F}));
  const auto shrink = [=](double x) { return x < -lambd ? x + bias : x > lambd ? x - bias : 0.0; };
  ElementKernel kernel;
  kernel.f64 = unary_chunk<double>(shrink);
  kernel.i64 = unary_chunk<std::int64_t>(
      [shrink](std::int64_t x) { return from_double<std::int64_t>(shrink(static_cast<double>(x))); });
  kernel.u64 = unary_chunk<std::uint64_t>(
      [shrink](std::uint64_t x) { return from_double<std::uint64_t>(shrink(static_cast<double>(x))); });
  return map_inputs(context, kernel);
}

// --- PRelu: the slope broadcasts to the input, not the other way round.
Status infer_prelu(InferContext& context) {
  CYCLOID_TRY(common_dtype(context));
  const Shape* x = shape_of(context, 0);
  const Shape* slope = shape_of(context, 1);
  if (x != nullptr && slope != nullptr && !broadcasts_to(*slope, *x)) {
    return invalid_model("the slope's shape {} does not broadcast to {}", to_string(*slope), to_string(*x));
  }
  return infer_same(context);
}

Outputs evaluate_prelu(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  CYCLOID_ASSIGN(const Tensor* slopes, tensor_input(context, 1));
  if (!broadcasts_to(to_shape(slopes->dims()), to_shape(x->dims()))) {
    return invalid_argument("the slope's shape {} does not broadcast to {}", to_string(slopes->dims()),
                            to_string(x->dims()));
  }
  ElementKernel kernel;
  kernel.f64 = binary_chunk<double>([](double x, double slope) { return x < 0 ? slope * x : x; });
  kernel.i64 = binary_chunk<std::int64_t>([](std::int64_t x, std::int64_t slope) {
    return x < 0 ? static_cast<std::uint64_t>(slope) * static_cast<std::uint64_t>(x) : static_cast<std::uint64_t>(x);
  });
  kernel.u64 = binary_chunk<std::uint64_t>([](std::uint64_t x, std::uint64_t) { return x; });
  return map_inputs(context, kernel);
}

// --- SwiGLU: swish(gate) * value, of one shape.
Status infer_swiglu(InferContext& context) {
  CYCLOID_TRY(get_float(context.node(), "alpha", 1.0F));
  CYCLOID_ASSIGN(const DType dtype, common_dtype(context));
  CYCLOID_ASSIGN(const ValueType type, merge(*context.input(0), *context.input(1)));
  context.set_output(0, tensor_type(dtype, type.shape));
  return {};
}

Outputs evaluate_swiglu(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* gate, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* value, context.tensor(1));
  CYCLOID_ASSIGN(const double alpha, parameter(context.node(), {"alpha", 1.0F}));
  if (gate->dims() != value->dims())
    return invalid_argument("shapes {} and {} differ", to_string(gate->dims()), to_string(value->dims()));
  ElementKernel kernel;
  kernel.f64 = binary_chunk<double>([alpha](double a, double b) { return swish(a, alpha, 0) * b; });
  return map_inputs(context, kernel);
}

constexpr Op kOps[] = {
    activation<celu, 3, Parameter{kAlpha, 1.0F}>("Celu", 28),
    activation<elu, 2, Parameter{kAlpha, 1.0F}>("Elu", 22),
    {.name = "Gelu",
     .since = 20,
     .min_inputs = 1,
     .max_inputs = 1,
     .infer = infer_gelu,
     .evaluate = evaluate_gelu,
     .cost = cost_per_output<5>,
     .dtypes = kFloats},
    activation<hard_sigmoid, 4, Parameter{kAlpha, 0.2F}, Parameter{kBeta, 0.5F}>("HardSigmoid", 22),
    activation<hard_swish, 5>("HardSwish", 22),
    activation<leaky_relu, 1, Parameter{kAlpha, 0.01F}>("LeakyRelu", 16),
    activation<mish, 5>("Mish", 22),
    {.name = "PRelu",
     .since = 16,
     .min_inputs = 2,
     .max_inputs = 2,
     .infer = infer_prelu,
     .evaluate = evaluate_prelu,
     .cost = cost_per_output<1>,
     .dtypes = kFloats | DTypeSet{DType::kInt32, DType::kInt64, DType::kUInt32, DType::kUInt64}},
    activation<selu, 3, Parameter{kAlpha, 1.67326319217681884765625F}, Parameter{kGamma, 1.05070102214813232421875F}>(
        "Selu", 22),
    {.name = "Shrink",
     .since = 9,
     .min_inputs = 1,
     .max_inputs = 1,
     .infer = infer_same,
     .evaluate = evaluate_shrink,
     .cost = cost_per_output<1>,
     .dtypes = kNumbers},
    activation<sigmoid, 4>("Sigmoid", 13),
    activation<softplus, 4>("Softplus", 22),
    activation<softsign, 3>("Softsign", 22),
    {.name = "SwiGLU",
     .since = 28,
     .min_inputs = 2,
     .max_inputs = 2,
     .infer = infer_swiglu,
     .evaluate = evaluate_swiglu,
     .cost = cost_per_output<6>,
     .dtypes = kFloats},
    activation<swish, 5, Parameter{kAlpha, 1.0F}>("Swish", 24),
    activation<tanh, 1>("Tanh", 13),
    activation<thresholded_relu, 0, Parameter{kAlpha, 1.0F}>("ThresholdedRelu", 22),
};

}  // namespace

void add_parametric_ops(OpList& list) {
  for (const Op& op : kOps) list.push_back(&op);
}

}  // namespace cycloid
