// Arguments and per-ISA tables of the loops over weights of few bits.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

// Weights lie in panels of so many columns, padded with zeros; a lane of a vector is a column.
inline constexpr int64_t kNbitsColumns = 16;

// One panel. With 8 bits, byte k * 16 + j is the code of row k and column j; with 4, byte k / 2 * 16 + j holds those of two
// rows, the even one in its low half. Scales and offsets are by block of `block` rows (even) and column:
// weight = (code - offset) * scale.
struct NbitsPanel {
  const uint8_t* codes;
  const float* scales;
  const float* offsets;
  int64_t bits;  // 4 or 8
  int64_t block;
};

// y[r * y_step + j] = bias[j] + sum over i < depth of a[r * a_step + i] * weight[i][j], for few rows r.
struct NbitsRowsArgs {
  NbitsPanel panel;
  const float* a;
  int64_t a_step;
  int64_t rows;  // at most kNbitsMaxRows
  int64_t depth;
  const float* sums;  // of each row's elements, by block; row r begins at sums + r * sums_step
  int64_t sums_step;
  const float* bias;  // [columns] or null
  float* y;
  int64_t y_step;
  int64_t columns;  // at most kNbitsColumns
};
inline constexpr int64_t kNbitsMaxRows = 4;

// to[(i - begin) * to_step + j] = weight[i][j] for rows i of [begin, end), whole panels wide; begin is a multiple of block.
struct NbitsUnpackArgs {
  NbitsPanel panel;
  int64_t begin, end;
  float* to;
  int64_t to_step;
};

struct NbitsBodies {
  void (*rows)(const NbitsRowsArgs&);
  void (*unpack)(const NbitsUnpackArgs&);
};

extern const NbitsBodies nbits_bodies_scalar;
extern const NbitsBodies nbits_bodies_avx2;
extern const NbitsBodies nbits_bodies_avx512;

}  // namespace cycloid::kernels
