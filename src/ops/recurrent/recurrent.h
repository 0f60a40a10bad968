// What RNN, GRU and LSTM have in common: attributes, sizes, activations, and the walk over the sequence.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ops/op.h"

namespace cycloid {

// An activation function with its parameters.
struct RecurrentActivation {
  std::string name;  // as the standard writes it: "Sigmoid", "Tanh", ...
  double alpha = 0;
  double beta = 0;

  double operator()(double x) const;
};

struct RecurrentAttributes {
  std::int64_t hidden_size = 0;  // 0: not given
  std::int64_t directions = 1;   // 2: forward and then reverse
  bool reverse = false;          // with one direction
  std::optional<float> clip;
  bool batch_first = false;                      // layout 1
  bool linear_before_reset = false;              // GRU
  bool input_forget = false;                     // LSTM
  std::vector<RecurrentActivation> activations;  // those of each direction, one direction after the other

  // `defaults` are one direction's activations: as many are used a direction.
  static Result<RecurrentAttributes> parse(const Node& node, const std::vector<std::string>& defaults);
  bool reversed(std::int64_t direction) const { return directions == 2 ? direction == 1 : reverse; }
};

// The sizes of one evaluation.
struct RecurrentSizes {
  std::int64_t steps = 0;
  std::int64_t batch = 0;
  std::int64_t input = 0;
  std::int64_t hidden = 0;
};

// Inference of RNN, GRU and LSTM: `gates` is 1, 3 and 4. The outputs are Y, Y_h and, for LSTM, Y_c.
// `check_weights` off: W and R are laid out in another way.
Status infer_recurrent(InferContext& context, const RecurrentAttributes& attributes, std::int64_t gates,
                       bool check_weights = true);

// Multiply-adds of one direction's whole sequence, twice, for all directions.
Result<Cost> recurrent_cost(const Graph& graph, const Node& node, std::int64_t gates);

// One direction's constants, in double: W^T (input x gates*hidden), R^T (hidden x gates*hidden), Wb and Rb
// (gates*hidden), and LSTM's peepholes (3*hidden, or empty).
struct RecurrentWeights {
  std::vector<double> w, r, wb, rb, peepholes;
};

// Everything an evaluation reads, checked.
struct RecurrentInputs {
  RecurrentSizes sizes;
  DType dtype = DType::kUndefined;
  std::vector<double> x;                  // steps x batch x input
  std::vector<RecurrentWeights> weights;  // by direction
  std::vector<std::int64_t> lengths;      // by batch
  std::vector<double> h, c;               // directions x batch x hidden; c is empty but for LSTM

  // Reads X, W, R, B, sequence_lens, initial_h and, for 4 gates, initial_c and P (inputs 0 to 7).
  static Result<RecurrentInputs> read(EvalContext& context, const RecurrentAttributes& attributes, std::int64_t gates);
  // The same without w and r, for weights of another layout.
  static Result<RecurrentInputs> read_without_weights(EvalContext& context, const RecurrentAttributes& attributes,
                                                      std::int64_t gates, std::int64_t hidden);
};

// Makes one step of one batch element: from the products of the input with W plus both biases' W part (gates*hidden) to
// the next h (and c), in place. `scratch` has 2 * gates * hidden elements.
using RecurrentStep = std::function<void(const RecurrentWeights& weights, const RecurrentActivation* activations,
                                         const double* input_part, double* h, double* c, double* scratch)>;

// Runs the steps over all directions, batch elements and time, and gives Y, Y_h (and Y_c).
Result<std::vector<Datum>> run_recurrent(EvalContext& context, const RecurrentAttributes& attributes,
                                         RecurrentInputs inputs, std::int64_t gates, const RecurrentStep& step);

// to[j] += sum over k < rows of h[k] * matrix[k * stride + j], for j < columns.
void add_product(const double* h, const double* matrix, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                 double* to);

// The step of an LSTM. `view`, where it is not empty, gives (from, to, count) what the products see of h.
RecurrentStep lstm_step(const RecurrentAttributes& attributes, std::int64_t hidden,
                        const std::function<void(const double*, double*, std::int64_t)>& view = {});

}  // namespace cycloid
