// Per-ISA bodies of pooling.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

// One output row: pixel x takes taps (rows, columns) that are inside the input.
struct PoolRow {
  const float* in;       // first tap row of the window that is inside the input, column 0
  int64_t row_step;      // floats from tap row to tap row
  const int64_t* rows;   // of planes: null, or where each tap row is, in floats from `in`
  int64_t tap_rows;      // tap rows inside the input; may be 0
  int64_t wrap_row;      // tap rows from this one on lie wrap_step floats before where row_step leads: rows in a ring
  int64_t wrap_step;     // 0: no ring
  int64_t column_step;   // floats from tap to tap in a row
  int64_t pixel_stride;  // floats from input pixel to pixel
  int64_t in_w, kernel_w, stride_w, dilation_w, pad_left;
  int64_t counted_rows;  // tap rows that the average counts
  int64_t counted_end;   // columns before this one count (the input's width, or that with its end padding)
  bool count_padding;    // columns before 0 count too
  float* out;
  int64_t out_stride, out_w, channels;
  float* scratch;  // of a plane: plane_scratch_floats()
};

// Rows that go through the two passes of planes together: what a pass stores is read in other pieces by the next, which has to
// wait for it if it follows at once.
inline constexpr int64_t kPlaneRows = 8;
// Of one of these rows (one channel, pixels side by side): the tap rows joined, with what padding counts for on both sides.
constexpr int64_t plane_scratch_floats(int64_t in_w, int64_t out_w, int64_t kernel_w, int64_t stride_w,
                                       int64_t dilation_w, int64_t pad_left) {
  const int64_t taken = (out_w - 1) * stride_w + (kernel_w - 1) * dilation_w + 1;
  return (taken > pad_left + in_w ? taken : pad_left + in_w) + 64;  // vectors of one tap may end behind it
}

using PoolRowFn = void (*)(const PoolRow&);

struct PoolBodies {
  int lanes;
  PoolRowFn max, average;
  // Of planes, in two passes; pixel_stride, out_stride and channels do not count.
  PoolRowFn max_rows, average_rows;  // the tap rows joined, into scratch
  PoolRowFn max_taps, average_taps;  // and from there the taps
};

extern const PoolBodies pool_bodies_scalar;
extern const PoolBodies pool_bodies_avx2;
extern const PoolBodies pool_bodies_avx512;

}  // namespace cycloid::kernels
