// LRN: y = x / (bias + alpha / size * sum of x^2 over the `size` channels around)^beta.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/work_bounds.h"
#include "ops/cost.h"
#include "ops/elements.h"
#include "ops/infer.h"
#include "ops/normalization/list.h"

namespace cycloid {
namespace {

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const std::int64_t size, get_int(context.node(), "size", 0));
  if (size < 1) return invalid_model("size must be 1 or more, but is {}", size);
  CYCLOID_TRY(check_rank(context, 0, 2, SIZE_MAX));
  return infer_same(context);
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* input, context.tensor(0));
  if (input->rank() < 2)
    return invalid_argument("X must have rank 2 or more, but has shape {}", to_string(input->dims()));
  CYCLOID_ASSIGN(const std::int64_t size, get_int(context.node(), "size", 0));
  CYCLOID_ASSIGN(const float alpha, get_float(context.node(), "alpha", 1e-4F));
  CYCLOID_ASSIGN(const float beta, get_float(context.node(), "beta", 0.75F));
  CYCLOID_ASSIGN(const float bias, get_float(context.node(), "bias", 1.0F));
  if (size < 1) return invalid_model("size must be 1 or more, but is {}", size);
  const std::vector<double> x = load_all<double>(*input);
  std::vector<double> y(x.size());
  const std::int64_t channels = input->dim(1);
  std::int64_t each = 1;
  for (std::size_t i = 2; i < input->rank(); ++i) each *= input->dim(i);
  const std::int64_t before = std::min((size - 1) / 2, channels);
  const std::int64_t after = std::min(size - 1 - (size - 1) / 2, channels);
  for (std::int64_t n = 0; n < input->dim(0); ++n) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t first = std::max<std::int64_t>(0, c - before);
      const std::int64_t last = std::min(channels - 1, c + after);
      for (std::int64_t i = 0; i < each; ++i) {
        if (stopping()) break;
        double sum = 0;
        for (std::int64_t k = first; k <= last; ++k) {
          const double value = x[static_cast<std::size_t>((n * channels + k) * each + i)];
          sum += value * value;
        }
        const auto at = static_cast<std::size_t>((n * channels + c) * each + i);
        y[at] = x[at] / std::pow(bias + alpha / static_cast<double>(size) * sum, beta);
      }
    }
  }
  CYCLOID_ASSIGN(Tensor result, make_tensor<double>(context, input->dtype(), input->dims(), y));
  return std::vector<Datum>{std::move(result)};
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const std::int64_t size, get_int(node, "size", 1));
  return Cost{element_count_of(graph, node.outputs[0]) * (Dim(size) * 2 + 4), bytes_of(graph, node)};
}

constinit const Op kLrn{.name = "LRN",
                        .since = 13,
                        .min_inputs = 1,
                        .max_inputs = 1,
                        .infer = infer,
                        .evaluate = evaluate,
                        .cost = cost,
                        .dtypes = kFloats};

}  // namespace

void add_lrn_ops(OpList& list) { list.push_back(&kLrn); }

}  // namespace cycloid
