// Attention of a block of queries over all their keys: Y = softmax(cap(Q K' * scale) + bias) V.
//
// Made of the register tile of igemm.h, transposition in registers, and two loops of its own. A block's scores stay in
// scratch; nothing of the size of queries * keys is written to memory. The protocol is that of conv/conv.h, but for units:
// a call is one block of one head, and the caller walks over batch, heads and blocks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu.h"
#include "kernels/attend/bodies.h"
#include "kernels/igemm/igemm.h"
#include "kernels/move/transpose.h"

namespace cycloid::kernels {

// All are positive.
struct AttendParams {
  int64_t rows = 1;  // the most queries of a block
  int64_t keys = 1;  // the most keys
  int64_t size = 1;  // of a query and of a key
  int64_t v_size = 1;
};

// The keys [first, last) that a query sees, and what is added to its scores.
struct AttendRow {
  const float* bias = nullptr;  // by key, from key 0; null for none
  int64_t first = 0, last = 0;
};

// Steps are floats from row to row.
struct AttendArgs {
  const float* q = nullptr;
  int64_t q_step = 0;
  const AttendRow* rows = nullptr;
  int64_t row_count = 0;
  const float* k = nullptr;
  int64_t k_step = 0;
  const float* v = nullptr;
  int64_t v_step = 0;
  float scale = 1;
  float softcap = 0;
  float* y = nullptr;
  int64_t y_step = 0;
  void* scratch = nullptr;  // AttendPlan::scratch_bytes of this thread's own, at a multiple of 64
};

struct AttendPlan {
  AttendParams params;
  const IgemmKernels* igemm = nullptr;
  const AttendBodies* bodies = nullptr;
  TransposeFn transpose = nullptr;
  size_t scratch_bytes = 0;  // per thread
  // Derived: see attend.cpp.
  int64_t score_step = 0;
  size_t panel_offset = 0, pointer_offset = 0;

  // Keys outside of every row's range are not read.
  void run(const AttendArgs& args) const;
};

AttendPlan plan_attend(const AttendParams& params, Isa isa);

// Queries of a block for so many keys: enough that the keys' transposition costs little beside the products, few enough that
// the scores stay in L2.
int64_t attend_block(int64_t queries, int64_t keys);

}  // namespace cycloid::kernels
