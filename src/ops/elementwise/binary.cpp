#include "ops/elementwise/binary.h"

#include <functional>

#include "ops/broadcast.h"
#include "ops/cost.h"
#include "ops/infer.h"

namespace cycloid {
namespace {

// Integers wrap, as two's complement does: computed unsigned, and cut to their width on writing.
template <class F>
Result<std::vector<Datum>> evaluate_ring(EvalContext& context, F f) {
  ElementKernel kernel;
  kernel.f64 = binary_chunk<double>(f);
  kernel.i64 = binary_chunk<std::int64_t>(
      [f](std::int64_t a, std::int64_t b) { return f(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b)); });
  kernel.u64 = binary_chunk<std::uint64_t>(f);
  return map_inputs(context, kernel);
}

// Towards zero, as C++. What has no quotient (x / 0, the smallest integer / -1) must not trap: 0, and the wrapped value.
std::int64_t divide(std::int64_t a, std::int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(a));
  return a / b;
}

template <Dim (*combine)(const Dim&, const Dim&)>
Status infer_arithmetic(InferContext& context) {
  CYCLOID_TRY(infer_broadcast(context));
  combine_shape_data(context, combine);
  return {};
}

}  // namespace

constinit const Op kAdd{
    .name = "Add",
    .since = 14,
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = infer_arithmetic<[](const Dim& a, const Dim& b) { return a + b; }>,
    .evaluate = [](EvalContext& context) { return evaluate_ring(context, std::plus<>()); },
    .cost = cost_per_output<1>,
    .dtypes = kNumbers,
};

constinit const Op kSub{
    .name = "Sub",
    .since = 14,
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = infer_arithmetic<[](const Dim& a, const Dim& b) { return a - b; }>,
    .evaluate = [](EvalContext& context) { return evaluate_ring(context, std::minus<>()); },
    .cost = cost_per_output<1>,
    .dtypes = kNumbers,
};

constinit const Op kMul{
    .name = "Mul",
    .since = 14,
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = infer_arithmetic<[](const Dim& a, const Dim& b) { return a * b; }>,
    .evaluate = [](EvalContext& context) { return evaluate_ring(context, std::multiplies<>()); },
    .cost = cost_per_output<1>,
    .dtypes = kNumbers,
};

// Sizes are not negative, and floor division is then that towards zero.
constinit const Op kDiv{
    .name = "Div",
    .since = 14,
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = infer_arithmetic<Dim::floor_div>,
    .evaluate =
        [](EvalContext& context) {
          ElementKernel kernel;
          kernel.f64 = binary_chunk<double>(std::divides<>());
          kernel.i64 = binary_chunk<std::int64_t>(divide);
          kernel.u64 = binary_chunk<std::uint64_t>([](std::uint64_t a, std::uint64_t b) { return b == 0 ? 0 : a / b; });
          return map_inputs(context, kernel);
        },
    .cost = cost_per_output<1>,
    .dtypes = kNumbers,
};

}  // namespace cycloid
