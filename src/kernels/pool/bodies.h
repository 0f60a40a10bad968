// Per-ISA bodies of pooling.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

// One output row: pixel x takes taps (rows, columns) that are inside the input.
struct PoolRow {
  const float* in;       // first tap row of the window that is inside the input, column 0
  int64_t row_step;      // floats from tap row to tap row
  int64_t tap_rows;      // tap rows inside the input; may be 0
  int64_t column_step;   // floats from tap to tap in a row
  int64_t pixel_stride;  // floats from input pixel to pixel
  int64_t in_w, kernel_w, stride_w, dilation_w, pad_left;
  int64_t counted_rows;  // tap rows that the average counts
  int64_t counted_end;   // columns before this one count (the input's width, or that with its end padding)
  bool count_padding;    // columns before 0 count too
  float* out;
  int64_t out_stride, out_w, channels;
};

using PoolRowFn = void (*)(const PoolRow&);

struct PoolBodies {
  int lanes;
  PoolRowFn max, average;
};

extern const PoolBodies pool_bodies_scalar;
extern const PoolBodies pool_bodies_avx2;
extern const PoolBodies pool_bodies_avx512;

}  // namespace cycloid::kernels
