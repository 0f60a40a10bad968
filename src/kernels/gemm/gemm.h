// Matrix products of float32: C = activation(alpha * op(A) op(B) + bias + residual), for a batch of matrices.
//
// The protocol is that of conv/conv.h: select at plan time, pack B where it is constant, run ranges of units.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/cpu.h"
#include "kernels/activation.h"
#include "kernels/gemm/dot_bodies.h"
#include "kernels/igemm/igemm.h"
#include "kernels/move/transpose_bodies.h"

namespace cycloid::kernels {

// op(A) is m x k, op(B) k x n, C m x n. Matrices are row-major; strides are floats from row to row as stored, and 0
// means dense. Sizes are positive. A product of one A-batch with a constant B is best given as one matrix of batch * m
// rows.
struct GemmParams {
  int64_t batch = 1;
  int64_t m = 1, n = 1, k = 1;
  bool a_transposed = false;  // A is stored [k][m]
  bool b_transposed = false;  // B is stored [n][k]
  bool b_constant = false;    // B is given to pack() and is the same for the whole batch
  int64_t a_stride = 0, b_stride = 0, c_stride = 0;
  // Matrix i of the batch begins at base + offset[i] where there is a table (`batch` entries, which must outlive the
  // plan), otherwise at base + i * step. A step of 0 repeats one matrix.
  int64_t a_step = 0, b_step = 0, c_step = 0;
  const int64_t* a_offsets = nullptr;
  const int64_t* b_offsets = nullptr;
  bool has_bias = false;        // [n], the same for every row and matrix
  bool has_residual = false;    // added before the activation, or
  bool residual_last = false;   // after it
  int64_t residual_stride = 0;  // from row to row; 0 means dense
  int64_t residual_step = 0;    // from matrix to matrix
  float alpha = 1;
  Activation activation = {};  // PRelu's slope is per column
  int threads = 1;             // as in ConvParams
  int panel_vectors = 0;       // as in ConvParams

  double flops() const {
    return 2.0 * static_cast<double>(batch) * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
};

struct GemmArgs {
  const float* a = nullptr;
  const float* b = nullptr;         // where not b_constant
  const float* bias = nullptr;      // where has_bias
  const float* residual = nullptr;  // where has_residual
  const void* packed = nullptr;     // where b_constant
  float* c = nullptr;               // must not overlap a or b; may equal residual
  void* scratch = nullptr;          // GemmPlan::scratch_bytes of this thread's own, at a multiple of 64
};

struct GemmPlan {
  GemmParams params;      // strides of 0 replaced by what they mean
  std::string_view name;  // "gemm.igemm.avx512"
  const IgemmKernels* igemm = nullptr;
  size_t packed_bytes = 0;   // 0 unless b_constant
  size_t scratch_bytes = 0;  // per thread
  int64_t units = 0;
  // Derived: see gemm.cpp.
  int64_t vectors = 0, tiles = 0, panels = 0, tile_rows = 0, splits = 0, block_tiles = 0, k_block = 0;
  bool b_in_place = false;
  DotFn dot =
      nullptr;  // few rows of A times a run-time B that is stored transposed: units are `splits` parts of the columns
  TransposeFn transpose = nullptr;  // packs a B that is stored transposed
  bool copy_a = false;

  // Fills `packed` from B as stored ([k][n], or [n][k] if transposed, with b_stride). Only where b_constant.
  void pack(const float* b, void* packed) const;

  // Computes units [begin, end) of [0, units).
  void run(const GemmArgs& args, int64_t begin, int64_t end) const;

 private:
  void run_dot(const GemmArgs& args, int64_t matrix, int64_t split) const;
};

struct GemmKernel {
  std::string_view name;
  Isa isa;
};

// Every kernel of this build; each takes every valid GemmParams.
std::span<const GemmKernel> gemm_kernels();

// A plan, or why there is none.
using GemmSelection = std::variant<GemmPlan, std::string>;
GemmSelection select_gemm(const GemmParams& params, Isa isa);

}  // namespace cycloid::kernels
