#include "ops/elementwise/variadic.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/broadcast.h"
#include "ops/cost.h"
#include "ops/infer.h"

namespace cycloid {
namespace {

// Folds the inputs, element by element, from the first on.
template <class T, class F>
ChunkFunction<T> fold(std::size_t inputs, F f) {
  return [=](const T* const* in, T* out, std::size_t n) {
    for (std::size_t k = 0; k < n; ++k) {
      T value = in[0][k];
      for (std::size_t i = 1; i < inputs; ++i) value = f(value, in[i][k]);
      out[k] = value;
    }
  };
}

// The greater (or lesser) of two; NaN where either is.
template <bool kGreater>
Result<std::vector<Datum>> evaluate_extreme(EvalContext& context) {
  const auto pick = [](auto a, auto b) { return (kGreater ? a > b : a < b) ? a : b; };
  ElementKernel kernel;
  kernel.f64 = fold<double>(context.input_count(), [pick](double a, double b) {
    return std::isnan(a) ? a : std::isnan(b) ? b : pick(a, b);
  });
  kernel.i64 = fold<std::int64_t>(context.input_count(), pick);
  kernel.u64 = fold<std::uint64_t>(context.input_count(), pick);
  return map_inputs(context, kernel);
}

template <bool kMeanOf>
Result<std::vector<Datum>> evaluate_sum(EvalContext& context) {
  const std::size_t n = context.input_count();
  ElementKernel kernel;
  kernel.f64 = [n](const double* const* in, double* out, std::size_t count) {
    for (std::size_t k = 0; k < count; ++k) {
      double sum = 0;
      for (std::size_t i = 0; i < n; ++i) sum += in[i][k];
      out[k] = kMeanOf ? sum / static_cast<double>(n) : sum;
    }
  };
  return map_inputs(context, kernel);
}

template <Dim (*combine)(const Dim&, const Dim&)>
Status infer_extreme(InferContext& context) {
  CYCLOID_TRY(infer_broadcast(context));
  if (context.input_count() == 2) combine_shape_data(context, combine);
  return {};
}

Result<Cost> cost_of_all(const Graph& graph, const Node& node) {
  return Cost{element_count_of(graph, node.outputs[0]) * static_cast<std::int64_t>(node.inputs.size()),
              bytes_of(graph, node)};
}

constexpr Op variadic(std::string_view name, Status (*infer)(InferContext&),
                      Result<std::vector<Datum>> (*evaluate)(EvalContext&), DTypeSet dtypes) {
  return {
      .name = name,
      .since = 13,
      .min_inputs = 1,
      .max_inputs = Op::kVariadic,
      .infer = infer,
      .evaluate = evaluate,
      .cost = cost_of_all,
      .dtypes = dtypes,
  };
}

// min(max(x, low), high): where low > high, high. NaN stays NaN.
template <class T>
Result<ChunkFunction<T>> clip(const Tensor* low, const Tensor* high) {
  std::optional<T> least;
  std::optional<T> most;
  if (low != nullptr) {
    CYCLOID_ASSIGN(least, load_scalar<T>(*low, "the minimum"));
  }
  if (high != nullptr) {
    CYCLOID_ASSIGN(most, load_scalar<T>(*high, "the maximum"));
  }
  return unary_chunk<T>([=](T x) {
    if (least && x < *least) x = *least;
    if (most && x > *most) x = *most;
    return x;
  });
}

Result<std::vector<Datum>> evaluate_clip(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  const Tensor* low = context.optional_tensor(1);
  const Tensor* high = context.optional_tensor(2);
  ElementKernel kernel;
  CYCLOID_ASSIGN(kernel.f64, clip<double>(low, high));
  CYCLOID_ASSIGN(kernel.i64, clip<std::int64_t>(low, high));
  CYCLOID_ASSIGN(kernel.u64, clip<std::uint64_t>(low, high));
  CYCLOID_ASSIGN(Tensor result, map_broadcast(context, std::span(&x, 1), x->dtype(), kernel));
  return std::vector<Datum>{std::move(result)};
}

Status infer_clip(InferContext& context) {
  CYCLOID_TRY(common_dtype(context));
  return infer_same(context);
}

}  // namespace

constinit const Op kMax = variadic("Max", infer_extreme<Dim::max>, evaluate_extreme<true>, kNumbers);
constinit const Op kMin = variadic("Min", infer_extreme<Dim::min>, evaluate_extreme<false>, kNumbers);
constinit const Op kMean = variadic("Mean", infer_broadcast, evaluate_sum<true>, kFloats);
constinit const Op kSum = variadic("Sum", infer_broadcast, evaluate_sum<false>, kFloats);

constinit const Op kClip{
    .name = "Clip",
    .since = 13,
    .min_inputs = 1,
    .max_inputs = 3,
    .infer = infer_clip,
    .evaluate = evaluate_clip,
    .cost = cost_per_output<2>,
    .dtypes = kNumbers,
};

}  // namespace cycloid
