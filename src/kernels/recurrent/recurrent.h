// RNN, GRU and LSTM over a sequence, once the products of the inputs with W are there (a matrix product over all steps).
//
// A unit of work is one direction of one group of rows of the batch: all of its steps, one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/cpu.h"
#include "kernels/recurrent/bodies.h"

namespace cycloid::kernels {

struct RecurrentParams {
  RecurrentCell cell = RecurrentCell::kLstm;
  int64_t hidden = 1, batch = 1, directions = 1;
  int threads = 1;
};

struct RecurrentPlan {
  RecurrentParams params;
  std::string_view name;  // "recurrent.lstm"
  RecurrentFn fn = nullptr;
  int64_t lanes = 0;
  RecurrentPanels first, second;
  int64_t padded = 0;         // floats of a row's state in memory, and of a bias or peephole
  int64_t columns = 0;        // of x, for one direction
  int64_t packed_floats = 0;  // R of one direction
  int64_t groups = 1;         // of rows
  std::size_t scratch_bytes = 0;
  int64_t units() const { return params.directions * groups; }

  // ONNX's gates: z r h of GRU, i o f c of LSTM.
  int64_t gates() const;
  // Where unit j of a gate lies among the columns.
  int64_t column(int64_t gate, int64_t j) const;
  // Packs R of one direction, [gates * hidden][hidden], into memory that is zeroed.
  void pack(const float* r, float* packed) const;
  // The rows of a unit's group.
  struct Rows {
    int64_t begin, end;
  };
  Rows rows(int64_t group) const;
};

// Every size and every instruction set has a kernel.
RecurrentPlan plan_recurrent(const RecurrentParams& params, Isa isa);

}  // namespace cycloid::kernels
