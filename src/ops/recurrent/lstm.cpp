// LSTM: gates i (input), o (output), f (forget) and c (cell), in this order.
#include <algorithm>

#include "ops/recurrent/list.h"
#include "ops/recurrent/recurrent.h"

namespace cycloid {

// i = f(X Wi^T + H Ri^T + Pi . C + b), f likewise, c = g(X Wc^T + H Rc^T + b), C' = f . C + i . c,
// o = f(X Wo^T + H Ro^T + Po . C' + b), H' = o . h(C').
RecurrentStep lstm_step(const RecurrentAttributes& a, std::int64_t hidden,
                        const std::function<void(const double*, double*, std::int64_t)>& view) {
  return [&a, hidden, view](const RecurrentWeights& weights, const RecurrentActivation* f, const double* input_part,
                            double* h, double* c, double* gates) {
    const std::int64_t rows = 4 * hidden;
    const auto limited = [&a](double x) { return a.clip ? std::clamp(x, -double{*a.clip}, double{*a.clip}) : x; };
    const auto peephole = [&weights, hidden](std::int64_t gate, std::int64_t j) {
      return weights.peepholes.empty() ? 0.0 : weights.peepholes[static_cast<std::size_t>(gate * hidden + j)];
    };
    for (std::int64_t j = 0; j < rows; ++j) gates[j] = input_part[j] + weights.rb[static_cast<std::size_t>(j)];
    const double* seen = h;
    if (view) {
      view(h, gates + rows, hidden);
      seen = gates + rows;
    }
    add_product(seen, weights.r.data(), hidden, rows, rows, gates);
    for (std::int64_t j = 0; j < hidden; ++j) {
      const double input = f[0](limited(gates[j] + peephole(0, j) * c[j]));
      const double forget = a.input_forget ? 1 - input : f[0](limited(gates[2 * hidden + j] + peephole(2, j) * c[j]));
      c[j] = forget * c[j] + input * f[1](limited(gates[3 * hidden + j]));
      const double output = f[0](limited(gates[hidden + j] + peephole(1, j) * c[j]));
      h[j] = output * f[2](c[j]);
    }
  };
}

namespace {

Result<RecurrentAttributes> parse(const Node& node) {
  return RecurrentAttributes::parse(node, {"Sigmoid", "Tanh", "Tanh"});
}

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const RecurrentAttributes attributes, parse(context.node()));
  return infer_recurrent(context, attributes, 4);
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const RecurrentAttributes a, parse(context.node()));
  CYCLOID_ASSIGN(RecurrentInputs inputs, RecurrentInputs::read(context, a, 4));
  const std::int64_t hidden = inputs.sizes.hidden;
  return run_recurrent(context, a, std::move(inputs), 4, lstm_step(a, hidden));
}

Result<Cost> cost(const Graph& graph, const Node& node) { return recurrent_cost(graph, node, 4); }

}  // namespace

const Op kLSTM = {.domain = "",
                  .name = "LSTM",
                  .since = 14,
                  .min_inputs = 3,
                  .max_inputs = 8,
                  .min_outputs = 0,
                  .max_outputs = 3,
                  .infer = infer,
                  .evaluate = evaluate,
                  .cost = cost};

}  // namespace cycloid
