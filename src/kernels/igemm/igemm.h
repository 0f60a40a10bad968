// The register tile that GEMM and convolution are built from.
//
//   C[r][j] = activation(bias[j] + residual[r][j] + sum over taps t and channels k of rows[t][r][k * k_stride] *
//   B[t][k][j])
//
// for a few rows r and a panel of columns j. A tap is one position of a convolution's window; a matrix product has one.
// Rows are found through pointers (an "indirection", as in Dukhan, "The Indirect Convolution Algorithm", 2019), so a
// convolution needs no im2col copy, and all taps and channels are summed in registers before the one store.
#pragma once

#include <stdint.h>

#include "kernels/activation.h"

namespace cycloid::kernels {

struct IgemmTile {
  const float* const* rows;  // [taps][row_pointers]: the first channel of each row of A
  int64_t row_pointers;      // pointers per tap, at least the rows of the tile
  int64_t row_offset;        // floats from where the pointers point to the first channel
  int64_t row_stride;  // not 0: floats from row to row; then rows[0] alone is read, there is one tap, and the sum is
                       // dense (k_stride is 1 and b_stride the panel's width)
  const int32_t* offsets;  // not null: step k of the sum reads offsets[k] floats from row r, which lies at row 0 + r *
                           // row_stride; there is one tap, and b_stride is the panel's width
  int64_t taps;
  int64_t tap_run;  // after so many taps, B's next one lies b_skip floats further; 0: never
  int64_t b_skip;
  int64_t channels;
  int64_t k_stride;  // floats between channels of a row of A: 1 when channels-last
  const float* b;    // [taps][channels][b_stride]: whole vectors are read up to the panel's width
  int64_t b_stride;  // floats
  // Null: B is fetched ahead of its use. Otherwise B is in L2, and what begins here, to be wanted next, is fetched from afar
  // instead: a cache line for every two steps of a tap's sum, about as fast as one core's 16 line buffers can. Tiles of more
  // than kIgemmNextRows rows whose row_stride is 0 have no register left for it. Fetching B ahead takes a cycle or two of the 12
  // to 14 of each step, so whoever knows that B is near says so, if only by B itself.
  const float* next;
  int64_t columns;        // columns stored, in ((vectors - 1) * lanes, vectors * lanes]
  const float* bias;      // [columns] or null
  const float* residual;  // row r begins at residual + r * residual_stride; null for none
  int64_t residual_stride;
  bool residual_last;  // added after the activation
  float* c;            // row r begins at c + r * c_stride
  int64_t c_stride;
  bool c_near;      // c's lines are in L2 or nearer: they are not fetched ahead, which costs 20 to 30 cycles a call
  bool next_twice;  // `next` comes twice as fast; only where row_stride is not 0
  bool accumulate;  // start from what c holds instead of bias: the sum continues an earlier call
  const Activation* activation;  // one that is in_registers(), applied last; null for none
  const float* slope;            // PRelu's, of the first column
};

using IgemmFn = void (*)(const IgemmTile&);

// The tiles of one panel width.
struct IgemmPanel {
  int vectors;  // columns in vectors
  int max_rows;
  int best_rows;           // what to cut rows into
  const IgemmFn* by_rows;  // by_rows[r - 1] computes r rows, 1 <= r <= max_rows
};

inline constexpr int kIgemmMaxVectors = 4;
// Tiles for few columns (igemm_fold_body.h): of B, row s of a tap holds channels [s * fold, (s + 1) * fold), zeros behind the last, in
// lane j * fold + i the channel s * fold + i of column j; k_stride is 1, and b_stride, offsets, next and accumulate are not read.
inline constexpr int kIgemmFolds = 3;  // 2, 4 and 8 channels
inline constexpr int kIgemmFoldRows = 8;
inline constexpr int64_t kIgemmLine = 16;  // floats of a cache line
inline constexpr int kIgemmNextRows = 9;

// c[r][0, columns) = activation(c[r][...] ) (+ residual after it, where residual is not null). `activation.slope` is
// already that of the first column.
using IgemmPostFn = void (*)(float* c, int64_t c_stride, int64_t rows, int64_t columns, const Activation& activation,
                             const float* residual, int64_t residual_stride);

struct IgemmKernels {
  int lanes;                            // floats per vector
  IgemmPanel panels[kIgemmMaxVectors];  // panels[v - 1] is v vectors wide; max_rows 0 where there is none
  IgemmPostFn post;
  const IgemmFn* folds[kIgemmFolds];  // folds[s][r - 1]: r rows, 2 << s channels; null where a vector has fewer lanes
};

extern const IgemmKernels igemm_kernels_scalar;
extern const IgemmKernels igemm_kernels_avx2;
extern const IgemmKernels igemm_kernels_avx512;

}  // namespace cycloid::kernels
