// The register tile of integer products, and the row functions around it.
//
//   c[r][j] = start[j] + sum over steps s of dot(a[r][s], b[s][j])
//
// A step is 4 bytes of A and of B, in one of two forms:
//   bytes  dot is the sum of 4 products of an unsigned byte of A and a signed one of B (VNNI, AMX). Exact: nothing saturates.
//   words  dot is the sum of 2 products of signed 16-bit numbers. Bytes less their zero point are 9 bits, so it is exact too;
//          the saturating 8-bit products of AVX2 (pmaddubsw) are not used.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

struct Qtile {
  const char* a;  // row r begins at a + r * a_stride
  int64_t a_stride;
  int64_t steps;         // a multiple of QtileKernels::step_multiple
  const char* b;         // [steps][vectors * lanes][4 bytes]
  const int32_t* start;  // [vectors * lanes]
  int32_t* c;
  int64_t c_stride;
  int64_t columns;  // stored, in ((vectors - 1) * lanes, vectors * lanes]
  uint32_t flip;    // bytes form: xor-ed to each step of A; 0x80808080 makes signed bytes unsigned (+ 128)
  bool a_signed;    // where the kernel takes signed bytes as they are
  int64_t rows;     // for kernels whose tile takes any number
};

// Rows of int32 sums to be finished: y[r][j] = f(c[r][j] * scale[j] ...), f as the functions below say.
struct Qpost {
  const int32_t* c;
  int64_t c_stride;
  int64_t rows, columns;
  const float* scale;  // [columns]
  const float* bias;   // [columns] or null; for float results
  int32_t zero;        // of y, for byte results
  int32_t lo, hi;      // the range of y, for byte results
  void* y;
  int64_t y_stride;  // elements
};

// y = clamp(round(x / scale) + zero), to nearest, ties to even; NaN gives zero. Where there are `scales`, each element has its
// own, and its own zero of `zeros`.
struct QuantizeRow {
  const float* x;
  int64_t count;
  float scale;
  int32_t zero, lo, hi;
  uint8_t* y;
  const float* scales = nullptr;
  const int32_t* zeros = nullptr;
  bool words = false;  // y has codes of 16 bits
};

// y = (x - zero) * scale; `scales` and `zeros` as QuantizeRow has them.
struct DequantizeRow {
  const uint8_t* x;
  bool x_signed;
  int64_t count;
  float scale;
  int32_t zero;
  float* y;
  const float* scales = nullptr;
  const int32_t* zeros = nullptr;
  bool words = false;  // x has codes of 16 bits
};

// y = quantised(a' op b'), a' = (a - a_zero) * a_scale; op is + or *. A step is 1, or 0 to repeat one element.
struct QbinaryRow {
  const uint8_t* a;
  const uint8_t* b;
  int64_t a_step, b_step;
  uint8_t* y;
  int64_t count;
  bool is_signed, product;
  float a_scale, b_scale, y_scale;
  int32_t a_zero, b_zero, y_zero;
};

// One row of pixels of a depthwise convolution: the taps of a column stand side by side as steps (zeros of x, and weights
// of 0, fill the last one).
//   c[p][j] = start[j] + sum over groups g and columns t of dot(x[g][p * stride + t * dilation][j], w[g][t][j])
struct QdepthwiseRow {
  const char* x;  // [groups][columns of the row][channels, in whole vectors][4 bytes]
  int64_t group_stride, pixel_bytes;
  int64_t groups, taps, stride, dilation;
  const char* w;         // [groups][taps][channels, in whole vectors][4 bytes]
  const int32_t* start;  // [channels, in whole vectors]
  int32_t* c;            // [pixels][channels, in whole vectors]
  int64_t pixels, channels;
};

// Up to 4 (words: 2) rows of bytes side by side, as QdepthwiseRow has them. A null row is the zero point.
struct QinterleaveRow {
  const uint8_t* rows[4];
  bool is_signed;
  int32_t zero;
  int64_t channels;  // written in whole vectors
  char* to;
};

// y[p][j] = the largest of taps[i][p * step + j] over i: max pooling of a row of pixels.
struct QmaxRow {
  const uint8_t* const* taps;
  int64_t tap_count, step;
  int64_t pixels, channels;
  bool is_signed;
  uint8_t* y;
  int64_t y_stride;
};

using QtileFn = void (*)(const Qtile&);

struct QtilePanel {
  int vectors;
  int max_rows;  // 0: no such panel
  const QtileFn* by_rows;
};

struct QtileKernels {
  int lanes;          // int32 per vector
  bool words;         // the form
  int step_multiple;  // steps of a tile are a multiple of this
  // AMX: all tiles have 32 rows, of which the last ones may be of no matter, but must be there to be read; signed bytes of A
  // are taken as they are. enter() and leave() stand around all calls of tiles.
  bool amx;
  void (*enter)();
  void (*leave)();
  QtilePanel panels[4];
  void (*to_bytes)(const Qpost&);   // clamp(round(c * scale) + zero)
  void (*to_floats)(const Qpost&);  // c * scale + bias
  // count bytes less `zero` as 16-bit numbers; the words form's A.
  void (*widen)(const uint8_t* x, bool is_signed, int32_t zero, int64_t count, int16_t* y);
  void (*quantize)(const QuantizeRow&);
  void (*dequantize)(const DequantizeRow&);
  void (*binary)(const QbinaryRow&);
  // The least and the largest of x and 0; NaN is passed over.
  void (*range)(const float* x, int64_t count, float& low, float& high);
  void (*max_pool)(const QmaxRow&);
  // sums[j] = the sum of column j of a packed panel; the bytes form's.
  void (*column_sums)(const char* panel, int64_t steps, int64_t columns, int32_t* sums);
  // c[r][j] -= zeros[j] * row_sums[r]
  void (*correct)(int32_t* c, int64_t c_stride, int64_t rows, int64_t columns, const int32_t* zeros,
                  const int32_t* row_sums);
  void (*interleave)(const QinterleaveRow&);
  void (*depthwise)(const QdepthwiseRow&);
};

extern const QtileKernels qtile_kernels_scalar;
extern const QtileKernels qtile_kernels_avx2;
extern const QtileKernels qtile_kernels_avx512;
extern const QtileKernels qtile_kernels_avx512vnni;
extern const QtileKernels qtile_kernels_avx512amx;

}  // namespace cycloid::kernels
