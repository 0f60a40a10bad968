// Arguments and per-ISA tables of the recurrent kernels.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

enum class RecurrentCell {
  kRnn,
  kGru,        // the reset gate before the product with R
  kGruLinear,  // after it (linear_before_reset)
  kLstm,
};
inline constexpr int kRecurrentCells = 4;

// The activation functions of the ONNX recurrent operators.
enum class GateKind {
  kSigmoid,
  kTanh,
  kRelu,
  kAffine,           // alpha x + beta
  kLeakyRelu,        // x < 0 ? alpha x : x
  kThresholdedRelu,  // x < alpha ? 0 : x
  kScaledTanh,       // alpha tanh(beta x)
  kHardSigmoid,      // min(1, max(0, alpha x + beta))
  kElu,              // x < 0 ? alpha (e^x - 1) : x
  kSoftsign,
  kSoftplus,
};

struct GateFunction {
  GateKind kind = GateKind::kSigmoid;
  float alpha = 0, beta = 0;
};

// How the columns of the products lie in memory: in panels of `gates * blocks` vectors, so that a panel holds all gates of
// some hidden units, which are computed when their sums are ready. Vector (block, gate) of a panel is block * gates +
// gate. GRU has a second product, with r . h, whose panels follow.
struct RecurrentPanels {
  int64_t gates = 1, blocks = 1, panels = 0;
};

struct RecurrentArgs {
  RecurrentPanels first, second;
  int64_t hidden, padded;  // floats of a row's state, and of its memory in `state`
  int64_t steps, rows;
  // X W^T + biases, columns in panel order: row r of step t begins at x + t * x_step + r * x_row.
  const float* x;
  int64_t x_step, x_row;
  const float* weights;         // packed R
  const float* recurrent_bias;  // kGruLinear: Rb of the hidden gate, `padded` floats; else null
  const float* peepholes;       // kLstm: i, o and f, `padded` floats each; null: none
  GateFunction functions[3];
  float clip;  // of what the functions get; 0: none
  bool input_forget;
  bool reverse;
  const int32_t* lengths;  // of rows, in [0, steps]; null: all steps
  // Null: zeros, or not wanted. Strides in floats from row to row, and of y also from step to step.
  const float *h0, *c0;
  int64_t h0_row, c0_row;
  float* y;
  int64_t y_step, y_row;
  float *y_h, *y_c;
  int64_t y_h_row, y_c_row;
  float* state;  // scratch: see RecurrentPlan::scratch_bytes
};

using RecurrentFn = void (*)(const RecurrentArgs&);

struct RecurrentBodies {
  int lanes;
  int tile_rows;               // rows of a product of the widest panel
  const RecurrentFn* by_cell;  // runs all steps of some rows in one direction
};

extern const RecurrentBodies recurrent_bodies_scalar;
extern const RecurrentBodies recurrent_bodies_avx2;
extern const RecurrentBodies recurrent_bodies_avx512;

// Arrays of `rows * padded` floats in `state`: h, the next h, and c, or GRU's update gate and r . h.
inline constexpr int64_t kRecurrentStates = 4;

}  // namespace cycloid::kernels
