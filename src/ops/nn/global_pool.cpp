// GlobalAveragePool, GlobalMaxPool and GlobalLpPool: each image and channel reduced to one element.
#include <cmath>
#include <limits>

#include "base/error.h"
#include "ops/linalg/product.h"
#include "ops/nn/list.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kFloats));
  if (x.shape) {
    if (x.shape->size() < 2)
      return invalid_argument("X must have rank 2 or more, but its shape is {}", to_string(*x.shape));
    for (std::size_t i = 2; i < x.shape->size(); ++i) (*x.shape)[i] = 1;
  }
  context.set_output(0, std::move(x));
  return {};
}

// reduce(pointer to the first of `count` elements, count) -> double
template <class Reduce>
Result<std::vector<Datum>> evaluate_with(EvalContext& context, const Reduce& reduce) {
  CYCLOID_ASSIGN(const Tensor* input, tensor_input(context, 0, kFloats));
  if (input->rank() < 2)
    return invalid_argument("X must have rank 2 or more, but its shape is {}", to_string(input->dims()));
  CYCLOID_ASSIGN(const Tensor x, widened(*input));
  Dims dims(x.rank(), 1);
  dims[0] = x.dim(0);
  dims[1] = x.dim(1);
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(x.dtype(), dims));
  const std::int64_t count = product(x.dims(), 2, x.rank());
  dispatch<float, double>(x.dtype(), [&]<class T>(T) {
    const T* from = x.data<T>().data();
    for (T& value : y.mutable_data<T>()) {
      value = static_cast<T>(reduce(from, count));
      from += count;
    }
  });
  CYCLOID_ASSIGN(Tensor result, narrowed(std::move(y), input->dtype()));
  return outputs(std::move(result));
}

Result<std::vector<Datum>> evaluate_average(EvalContext& context) {
  return evaluate_with(context, [](const auto* x, std::int64_t count) {
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]);
    return sum / static_cast<double>(count);
  });
}

Result<std::vector<Datum>> evaluate_max(EvalContext& context) {
  return evaluate_with(context, [](const auto* x, std::int64_t count) {
    double best = -std::numeric_limits<double>::infinity();
    for (std::int64_t i = 0; i < count; ++i) {
      const auto value = static_cast<double>(x[i]);
      if (value > best || std::isnan(value)) best = value;
      if (std::isnan(value)) break;
    }
    return best;
  });
}

Result<std::vector<Datum>> evaluate_lp(EvalContext& context) {
  CYCLOID_ASSIGN(const std::int64_t p, get_int(context.node(), "p", 2));
  if (p < 1) return invalid_model("p must be 1 or more, but is {}", p);
  const auto power = static_cast<double>(p);
  return evaluate_with(context, [power](const auto* x, std::int64_t count) {
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += std::pow(std::abs(static_cast<double>(x[i])), power);
    return std::pow(sum, 1.0 / power);
  });
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  const Shape* x = input_shape(graph, node, 0);
  return cost_with_flops(graph, node, x != nullptr ? element_count(*x) : Dim::unknown());
}

}  // namespace

const Op kGlobalAveragePool = {.domain = "",
                               .name = "GlobalAveragePool",
                               .since = 1,
                               .min_inputs = 1,
                               .max_inputs = 1,
                               .infer = infer,
                               .evaluate = evaluate_average,
                               .cost = cost};
const Op kGlobalMaxPool = {.domain = "",
                           .name = "GlobalMaxPool",
                           .since = 1,
                           .min_inputs = 1,
                           .max_inputs = 1,
                           .infer = infer,
                           .evaluate = evaluate_max};
const Op kGlobalLpPool = {.domain = "",
                          .name = "GlobalLpPool",
                          .since = 2,
                          .min_inputs = 1,
                          .max_inputs = 1,
                          .infer = infer,
                          .evaluate = evaluate_lp,
                          .cost = cost};

}  // namespace cycloid
