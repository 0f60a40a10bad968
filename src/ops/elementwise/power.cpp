#include "ops/elementwise/power.h"

#include <cmath>

#include "base/error.h"
#include "ops/broadcast.h"
#include "ops/cost.h"
#include "ops/infer.h"

namespace cycloid {
namespace {

// Wraps; a negative exponent gives the truncated value of 1 / base^n.
std::int64_t int_pow(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 1) return 1;
    if (base == -1) return exponent % 2 == 0 ? 1 : -1;
    return 0;
  }
  std::uint64_t result = 1;
  for (auto square = static_cast<std::uint64_t>(base); exponent != 0; exponent >>= 1, square *= square) {
    if ((exponent & 1) != 0) result *= square;
  }
  return static_cast<std::int64_t>(result);
}

// The result has the base's type.
Result<std::vector<Datum>> evaluate_pow(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* base, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* exponent, context.tensor(1));
  const Tensor* const inputs[] = {base, exponent};
  ElementKernel kernel;
  kernel.f64 = binary_chunk<double>([](double x, double y) { return std::pow(x, y); });
  kernel.i64 = binary_chunk<std::int64_t>(int_pow);
  if (is_integer(base->dtype()) && is_floating_point(exponent->dtype())) {
    // An integer to a fractional power is computed in floating point: bring the base there first.
    const std::vector<double> elements = load_all<double>(*base);
    CYCLOID_ASSIGN(const Tensor wide, make_tensor<double>(context, DType::kFloat64, base->dims(), elements));
    const Tensor* const wide_inputs[] = {&wide, exponent};
    CYCLOID_ASSIGN(Tensor result, map_broadcast(context, wide_inputs, base->dtype(), kernel));
    return std::vector<Datum>{std::move(result)};
  }
  CYCLOID_ASSIGN(Tensor result, map_broadcast(context, inputs, base->dtype(), kernel));
  return std::vector<Datum>{std::move(result)};
}

Status infer_pow(InferContext& context) {
  CYCLOID_TRY(check_dtype(context, 1, kNumbers));
  CYCLOID_ASSIGN(auto shape, broadcast_inputs(context));
  context.set_output(0, tensor_type(dtype_of(context, 0), std::move(shape)));
  return {};
}

// The sign of the divisor (fmod = 0) or of the dividend (fmod = 1). By 0: 0 for integers, which must not trap.
Result<std::vector<Datum>> evaluate_mod(EvalContext& context) {
  CYCLOID_ASSIGN(const std::int64_t fmod, get_int(context.node(), "fmod", 0));
  const bool dividend = fmod != 0;
  ElementKernel kernel;
  kernel.f64 = binary_chunk<double>([dividend](double x, double y) {
    const double r = std::fmod(x, y);
    return dividend || r == 0 || (r < 0) == (y < 0) ? r : r + y;
  });
  kernel.i64 = binary_chunk<std::int64_t>([dividend](std::int64_t x, std::int64_t y) -> std::int64_t {
    if (y == 0 || y == -1) return 0;
    const std::int64_t r = x % y;
    return dividend || r == 0 || (r < 0) == (y < 0) ? r : r + y;
  });
  kernel.u64 = binary_chunk<std::uint64_t>([](std::uint64_t x, std::uint64_t y) { return y == 0 ? 0 : x % y; });
  return map_inputs(context, kernel);
}

Status infer_mod(InferContext& context) {
  CYCLOID_TRY(get_int(context.node(), "fmod", 0));
  CYCLOID_TRY(infer_broadcast(context));
  combine_shape_data(context, [](const Dim& a, const Dim& b) { return a - Dim::floor_div(a, b) * b; });
  return {};
}

}  // namespace

constinit const Op kPow{
    .name = "Pow",
    .since = 15,
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = infer_pow,
    .evaluate = evaluate_pow,
    .cost = cost_per_output<1>,
    .dtypes = kFloats | DTypeSet{DType::kInt32, DType::kInt64},
};

constinit const Op kMod{
    .name = "Mod",
    .since = 28,
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = infer_mod,
    .evaluate = evaluate_mod,
    .cost = cost_per_output<1>,
    .dtypes = kNumbers,
};

}  // namespace cycloid
