// Gelu, BiasGelu, FastGelu and QuickGelu of com.microsoft.
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "ops/broadcast.h"
#include "ops/contrib/list.h"
#include "ops/cost.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

double gelu(double x) { return x * 0.5 * (1 + std::erf(x / std::numbers::sqrt2)); }

// The approximation by tanh.
double fast_gelu(double x) {
  constexpr double kScale = 0.79788456080286535588;  // sqrt(2 / pi)
  return x * 0.5 * (1 + std::tanh(kScale * (x + 0.044715 * x * x * x)));
}

// X, and a bias of X's last size where there is one.
Status infer(InferContext& context) {
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kFloats));
  if (context.input_count() > 1) {
    CYCLOID_ASSIGN(const auto bias, optional_input_type(context, 1, kFloats));
    if (bias) {
      CYCLOID_TRY(check_same_dtype(x, *bias, "the input and its bias"));
      CYCLOID_TRY(check_rank(*bias, 1, "the bias"));
      if (x.shape && x.shape->empty()) return invalid_argument("a scalar has no bias");
      if (x.shape && bias->shape)
        CYCLOID_TRY(check_equal(x.shape->back(), (*bias->shape)[0], "the sizes of the bias and of a row"));
    }
  }
  context.set_output(0, std::move(x));
  return {};
}

Result<std::vector<Datum>> evaluate_with(EvalContext& context, double (*f)(double)) {
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloats));
  const Tensor* bias = nullptr;
  if (context.input_count() > 1) {
    CYCLOID_ASSIGN(bias, optional_tensor_input(context, 1, kFloats));
  }
  if (bias != nullptr && (bias->rank() != 1 || x->rank() == 0 || bias->dim(0) != x->dims().back()))
    return invalid_argument("a bias {} does not fit {}", to_string(bias->dims()), to_string(x->dims()));
  ElementKernel kernel;
  if (bias == nullptr) {
    kernel.f64 = unary_chunk<double>(f);
    CYCLOID_ASSIGN(Tensor y, map_broadcast(context, std::span(&x, 1), x->dtype(), kernel));
    return outputs(std::move(y));
  }
  kernel.f64 = binary_chunk<double>([f](double value, double shift) { return f(value + shift); });
  const Tensor* const inputs[] = {x, bias};
  CYCLOID_ASSIGN(Tensor y, map_broadcast(context, inputs, x->dtype(), kernel));
  return outputs(std::move(y));
}

Result<std::vector<Datum>> evaluate_gelu(EvalContext& context) { return evaluate_with(context, gelu); }
Result<std::vector<Datum>> evaluate_fast(EvalContext& context) { return evaluate_with(context, fast_gelu); }

Status infer_quick(InferContext& context) {
  CYCLOID_TRY(get_float(context.node(), "alpha", 1.702F));
  return infer(context);
}

Result<std::vector<Datum>> evaluate_quick(EvalContext& context) {
  CYCLOID_ASSIGN(const float given, get_float(context.node(), "alpha", 1.702F));
  const auto alpha = static_cast<double>(given);
  return map_float(context, [alpha](double x) { return x / (1 + std::exp(-alpha * x)); });
}

}  // namespace

const Op kMicrosoftGelu = {.domain = kMicrosoft,
                           .name = "Gelu",
                           .min_inputs = 1,
                           .max_inputs = 1,
                           .infer = infer,
                           .evaluate = evaluate_gelu,
                           .cost = cost_per_output<5>,
                           .dtypes = kFloats};
const Op kBiasGelu = {.domain = kMicrosoft,
                      .name = "BiasGelu",
                      .min_inputs = 2,
                      .max_inputs = 2,
                      .infer = infer,
                      .evaluate = evaluate_gelu,
                      .cost = cost_per_output<6>,
                      .dtypes = kFloats};
const Op kFastGelu = {.domain = kMicrosoft,
                      .name = "FastGelu",
                      .min_inputs = 1,
                      .max_inputs = 2,
                      .infer = infer,
                      .evaluate = evaluate_fast,
                      .cost = cost_per_output<9>,
                      .dtypes = kFloats};
const Op kQuickGelu = {.domain = kMicrosoft,
                       .name = "QuickGelu",
                       .min_inputs = 1,
                       .max_inputs = 1,
                       .infer = infer_quick,
                       .evaluate = evaluate_quick,
                       .cost = cost_per_output<4>,
                       .dtypes = kFloats};

}  // namespace cycloid
