// GRU: gates z (update) and r (reset), and the new state h.
#include <algorithm>

#include "ops/recurrent/list.h"
#include "ops/recurrent/recurrent.h"

namespace cycloid {
namespace {

Result<RecurrentAttributes> parse(const Node& node) { return RecurrentAttributes::parse(node, {"Sigmoid", "Tanh"}); }

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const RecurrentAttributes attributes, parse(context.node()));
  return infer_recurrent(context, attributes, 3);
}

// z = f(X Wz^T + H Rz^T + b), r likewise, and
//   h = g(X Wh^T + (r . H) Rh^T + Rbh + Wbh), or with linear_before_reset h = g(X Wh^T + r . (H Rh^T + Rbh) + Wbh);
// H' = (1 - z) . h + z . H.
RecurrentStep gru_step(const RecurrentAttributes& a, std::int64_t hidden) {
  return [&a, hidden](const RecurrentWeights& weights, const RecurrentActivation* f, const double* input_part,
                      double* h, double*, double* scratch) {
    const std::int64_t rows = 3 * hidden;
    const auto limited = [&a](double x) { return a.clip ? std::clamp(x, -double{*a.clip}, double{*a.clip}) : x; };
    double* gates = scratch;         // z, r and the recurrent part of h
    double* reset = scratch + rows;  // r . H
    for (std::int64_t j = 0; j < rows; ++j) gates[j] = weights.rb[static_cast<std::size_t>(j)];
    add_product(h, weights.r.data(), hidden, a.linear_before_reset ? rows : 2 * hidden, rows, gates);
    for (std::int64_t j = 0; j < 2 * hidden; ++j) gates[j] = f[0](limited(gates[j] + input_part[j]));
    double* part = gates + 2 * hidden;
    if (a.linear_before_reset) {
      for (std::int64_t j = 0; j < hidden; ++j) part[j] *= gates[hidden + j];
    } else {
      for (std::int64_t j = 0; j < hidden; ++j) reset[j] = gates[hidden + j] * h[j];
      add_product(reset, weights.r.data() + 2 * hidden, hidden, hidden, rows, part);
    }
    for (std::int64_t j = 0; j < hidden; ++j) {
      const double next = f[1](limited(part[j] + input_part[2 * hidden + j]));
      h[j] = (1 - gates[j]) * next + gates[j] * h[j];
    }
  };
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const RecurrentAttributes a, parse(context.node()));
  CYCLOID_ASSIGN(RecurrentInputs inputs, RecurrentInputs::read(context, a, 3));
  const std::int64_t hidden = inputs.sizes.hidden;
  return run_recurrent(context, a, std::move(inputs), 3, gru_step(a, hidden));
}

Result<Cost> cost(const Graph& graph, const Node& node) { return recurrent_cost(graph, node, 3); }

}  // namespace

const Op kGRU = {.domain = "",
                 .name = "GRU",
                 .since = 14,
                 .min_inputs = 3,
                 .max_inputs = 6,
                 .min_outputs = 0,
                 .max_outputs = 2,
                 .infer = infer,
                 .evaluate = evaluate,
                 .cost = cost};

}  // namespace cycloid
