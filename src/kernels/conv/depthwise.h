// Per-ISA bodies of depthwise convolution.
#pragma once

#include <stdint.h>

#include "kernels/activation.h"

namespace cycloid::kernels {

// Pixels [x_begin, x_end) of one output row, all channels. Only tap rows inside the input are passed.
struct DepthwiseRow {
  const float* in;          // column 0 of the first tap row
  int64_t row_step;         // floats from tap row to tap row
  int64_t tap_rows;         // may be 0
  int64_t in_w, in_stride;  // pixels in a row, floats from pixel to pixel
  int64_t kernel_w, stride_w, dilation_w, pad_left;
  const float* weights;   // [tap row][kernel_w][weight_stride]
  int64_t weight_stride;  // channels, rounded up to vectors
  const float* bias;      // [weight_stride]
  const float* residual;  // of pixel 0, or null
  int64_t residual_stride;
  float* out;  // of pixel 0
  int64_t out_stride;
  int64_t channels;
  int64_t x_begin, x_end;
  bool residual_last;            // added after the activation
  float lo, hi;                  // the result is clipped to [lo, hi]
  const Activation* activation;  // another that is in_registers(), or null
  bool fetch;                    // input and output do not stay in L2: pixels are fetched ahead
};

using DepthwiseFn = void (*)(const DepthwiseRow&);
// Two rows at once, the second one's window a row below the first one's; all tap rows of both are inside, kernel_w of them.
using DepthwisePairFn = void (*)(const DepthwiseRow&, const DepthwiseRow&);

// A body unrolled for a kernel width and stride (dilation 1); kernel_w 0 takes any.
struct DepthwiseBody {
  int kernel_w, stride_w;
  DepthwiseFn row;
  DepthwisePairFn pair;  // or null
};

struct DepthwiseBodies {
  int lanes;
  int count;
  const DepthwiseBody* bodies;  // the last takes any
};

extern const DepthwiseBodies depthwise_bodies_scalar;
extern const DepthwiseBodies depthwise_bodies_avx2;
extern const DepthwiseBodies depthwise_bodies_avx512;

}  // namespace cycloid::kernels
