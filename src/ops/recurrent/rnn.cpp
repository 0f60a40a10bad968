// RNN: H_t = f(X_t W^T + H_(t-1) R^T + Wb + Rb).
#include <algorithm>

#include "ops/recurrent/list.h"
#include "ops/recurrent/recurrent.h"

namespace cycloid {
namespace {

Result<RecurrentAttributes> parse(const Node& node) { return RecurrentAttributes::parse(node, {"Tanh"}); }

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const RecurrentAttributes attributes, parse(context.node()));
  return infer_recurrent(context, attributes, 1);
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const RecurrentAttributes a, parse(context.node()));
  CYCLOID_ASSIGN(RecurrentInputs inputs, RecurrentInputs::read(context, a, 1));
  const std::int64_t hidden = inputs.sizes.hidden;
  return run_recurrent(context, a, std::move(inputs), 1,
                       [&a, hidden](const RecurrentWeights& weights, const RecurrentActivation* f,
                                    const double* input_part, double* h, double*, double* gate) {
                         for (std::int64_t j = 0; j < hidden; ++j)
                           gate[j] = input_part[j] + weights.rb[static_cast<std::size_t>(j)];
                         add_product(h, weights.r.data(), hidden, hidden, hidden, gate);
                         for (std::int64_t j = 0; j < hidden; ++j) {
                           const double x = a.clip ? std::clamp(gate[j], -double{*a.clip}, double{*a.clip}) : gate[j];
                           h[j] = f[0](x);
                         }
                       });
}

Result<Cost> cost(const Graph& graph, const Node& node) { return recurrent_cost(graph, node, 1); }

}  // namespace

const Op kRNN = {.domain = "",
                 .name = "RNN",
                 .since = 14,
                 .min_inputs = 3,
                 .max_inputs = 6,
                 .min_outputs = 0,
                 .max_outputs = 2,
                 .infer = infer,
                 .evaluate = evaluate,
                 .cost = cost};

}  // namespace cycloid
