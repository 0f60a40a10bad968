// AveragePool and LpPool: the mean, and the p-norm, of each window.
#include <cmath>

#include "ops/linalg/product.h"
#include "ops/nn/list.h"
#include "ops/nn/pool.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

Status infer(InferContext& context) { return infer_pool(context, kFloats); }

// Reduces each window: reduce(count of values, at(i) -> value, elements inside the padded image).
template <class Reduce>
Result<std::vector<Datum>> evaluate_with(EvalContext& context, const PoolAttributes& attributes, const Reduce& reduce) {
  CYCLOID_ASSIGN(const Tensor* input, tensor_input(context, 0, kFloats));
  CYCLOID_ASSIGN(const Window window, attributes.resolve(input->dims()));
  CYCLOID_ASSIGN(const Tensor x, widened(*input));
  Dims dims{x.dim(0), x.dim(1)};
  dims.insert(dims.end(), window.output.begin(), window.output.end());
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(x.dtype(), dims));
  if (y.element_count() > 0) {
    dispatch<float, double>(x.dtype(), [&]<class T>(T) {
      const T* from = x.data<T>().data();
      T* to = y.mutable_data<T>().data();
      for_each_window(x.dims(), window,
                      [&](std::int64_t out, std::int64_t first, const auto& offsets, std::int64_t padded) {
                        to[out] = static_cast<T>(reduce(from + first, offsets, padded));
                      });
    });
  }
  CYCLOID_ASSIGN(Tensor result, narrowed(std::move(y), input->dtype()));
  return outputs(std::move(result));
}

Result<std::vector<Datum>> evaluate_average(EvalContext& context) {
  CYCLOID_ASSIGN(const PoolAttributes attributes, PoolAttributes::parse(context.node()));
  const bool include = attributes.count_include_pad;
  return evaluate_with(context, attributes,
                       [include](const auto* x, const std::vector<std::int64_t>& offsets, std::int64_t padded) {
                         double sum = 0;
                         for (const std::int64_t offset : offsets) sum += static_cast<double>(x[offset]);
                         return sum / static_cast<double>(include ? padded : static_cast<std::int64_t>(offsets.size()));
                       });
}

Result<std::vector<Datum>> evaluate_lp(EvalContext& context) {
  CYCLOID_ASSIGN(const PoolAttributes attributes, PoolAttributes::parse(context.node()));
  const auto p = static_cast<double>(attributes.p);
  return evaluate_with(context, attributes, [p](const auto* x, const std::vector<std::int64_t>& offsets, std::int64_t) {
    double sum = 0;
    for (const std::int64_t offset : offsets) sum += std::pow(std::abs(static_cast<double>(x[offset])), p);
    return std::pow(sum, 1.0 / p);
  });
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const PoolAttributes attributes, PoolAttributes::parse(node));
  Dim window = 1;
  for (const std::int64_t size : attributes.window.kernel_shape) window = window * size;
  return cost_per_output(graph, node, window);
}

}  // namespace

const Op kAveragePool = {.domain = "",
                         .name = "AveragePool",
                         .since = 7,
                         .min_inputs = 1,
                         .max_inputs = 1,
                         .infer = infer,
                         .evaluate = evaluate_average,
                         .cost = cost};
const Op kLpPool = {.domain = "",
                    .name = "LpPool",
                    .since = 2,
                    .min_inputs = 1,
                    .max_inputs = 1,
                    .infer = infer,
                    .evaluate = evaluate_lp,
                    .cost = cost};

}  // namespace cycloid
