#include "ops/elementwise/unary.h"

#include <cmath>

#include "ops/broadcast.h"
#include "ops/cost.h"
#include "ops/infer.h"

namespace cycloid {
namespace {

using Outputs = Result<std::vector<Datum>>;

// An operator that applies F to each element of a floating-point tensor.
template <double (*F)(double)>
constexpr Op float_function(std::string_view name, std::int64_t since) {
  return {
      .name = name,
      .since = since,
      .min_inputs = 1,
      .max_inputs = 1,
      .infer = infer_same,
      .evaluate = [](EvalContext& context) -> Outputs { return map_float(context, F); },
      .cost = cost_per_output<1>,
      .dtypes = kFloats,
  };
}

constexpr Op element_function(std::string_view name, std::int64_t since, Status (*infer)(InferContext&),
                              Outputs (*evaluate)(EvalContext&), DTypeSet dtypes) {
  return {
      .name = name,
      .since = since,
      .min_inputs = 1,
      .max_inputs = 1,
      .infer = infer,
      .evaluate = evaluate,
      .cost = cost_per_output<1>,
      .dtypes = dtypes,
  };
}

double reciprocal(double x) { return 1 / x; }
double round_half_even(double x) { return std::nearbyint(x); }

Outputs evaluate_abs(EvalContext& context) {
  ElementKernel kernel;
  kernel.f64 = unary_chunk<double>([](double x) { return std::fabs(x); });
  kernel.i64 = unary_chunk<std::int64_t>(
      [](std::int64_t x) { return x < 0 ? 0 - static_cast<std::uint64_t>(x) : static_cast<std::uint64_t>(x); });
  kernel.u64 = unary_chunk<std::uint64_t>([](std::uint64_t x) { return x; });
  return map_inputs(context, kernel);
}

Outputs evaluate_neg(EvalContext& context) {
  ElementKernel kernel;
  kernel.f64 = unary_chunk<double>([](double x) { return -x; });
  kernel.i64 = unary_chunk<std::int64_t>([](std::int64_t x) { return 0 - static_cast<std::uint64_t>(x); });
  return map_inputs(context, kernel);
}

Status infer_neg(InferContext& context) {
  CYCLOID_TRY(infer_same(context));
  const auto data = context.shape_data(0);
  if (!data) return {};
  ShapeData negated;
  for (const Dim& dim : *data) negated.push_back(Dim(0) - dim);
  context.set_shape_data(0, std::move(negated));
  return {};
}

Outputs evaluate_sign(EvalContext& context) {
  const auto sign = [](auto x) { return static_cast<decltype(x)>(x > 0 ? 1 : x == 0 ? 0 : -1); };
  ElementKernel kernel;
  kernel.f64 = unary_chunk<double>([sign](double x) { return std::isnan(x) ? x : sign(x); });
  kernel.i64 = unary_chunk<std::int64_t>(sign);
  kernel.u64 = unary_chunk<std::uint64_t>([](std::uint64_t x) { return x != 0 ? 1U : 0U; });
  return map_inputs(context, kernel);
}

Outputs evaluate_bitwise_not(EvalContext& context) {
  ElementKernel kernel;
  kernel.i64 = unary_chunk<std::int64_t>([](std::int64_t x) { return ~x; });
  kernel.u64 = unary_chunk<std::uint64_t>([](std::uint64_t x) { return ~x; });
  return map_inputs(context, kernel);
}

Status infer_test(InferContext& context) {
  CYCLOID_TRY(check_tensor(context, 0));
  const Shape* shape = shape_of(context, 0);
  context.set_output(0, tensor_type(DType::kBool, shape != nullptr ? std::optional(*shape) : std::nullopt));
  return {};
}

Outputs evaluate_is_nan(EvalContext& context) {
  ElementKernel kernel;
  kernel.f64 = unary_chunk<double>([](double x) { return std::isnan(x); });
  return map_inputs(context, kernel, DType::kBool);
}

Outputs evaluate_is_inf(EvalContext& context) {
  CYCLOID_ASSIGN(const std::int64_t positive, get_int(context.node(), "detect_positive", 1));
  CYCLOID_ASSIGN(const std::int64_t negative, get_int(context.node(), "detect_negative", 1));
  ElementKernel kernel;
  kernel.f64 = unary_chunk<double>([=](double x) { return std::isinf(x) && (x > 0 ? positive != 0 : negative != 0); });
  return map_inputs(context, kernel, DType::kBool);
}

constexpr Op kOps[] = {
    element_function("Abs", 13, infer_same, evaluate_abs, kNumbers),
    float_function<std::acos>("Acos", 22),
    float_function<std::acosh>("Acosh", 22),
    float_function<std::asin>("Asin", 22),
    float_function<std::asinh>("Asinh", 22),
    float_function<std::atan>("Atan", 22),
    float_function<std::atanh>("Atanh", 22),
    element_function("BitwiseNot", 18, infer_same, evaluate_bitwise_not, kInts),
    float_function<std::ceil>("Ceil", 13),
    float_function<std::cos>("Cos", 22),
    float_function<std::cosh>("Cosh", 22),
    float_function<std::erf>("Erf", 13),
    float_function<std::exp>("Exp", 13),
    float_function<std::floor>("Floor", 13),
    element_function("IsInf", 20, infer_test, evaluate_is_inf, kFloats | kFloat8s),
    element_function("IsNaN", 20, infer_test, evaluate_is_nan, kFloats | kFloat8s),
    float_function<std::log>("Log", 13),
    element_function("Neg", 13, infer_neg, evaluate_neg, kFloats | kSignedInts),
    float_function<reciprocal>("Reciprocal", 13),
    float_function<round_half_even>("Round", 22),
    element_function("Sign", 13, infer_same, evaluate_sign, kNumbers),
    float_function<std::sin>("Sin", 22),
    float_function<std::sinh>("Sinh", 22),
    float_function<std::sqrt>("Sqrt", 13),
    float_function<std::tan>("Tan", 22),
};

}  // namespace

void add_unary_ops(OpList& list) {
  for (const Op& op : kOps) list.push_back(&op);
}

}  // namespace cycloid
