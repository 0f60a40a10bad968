// What the forms of transposed convolution share.
#pragma once

#include "kernels/conv/conv_transpose.h"

namespace cycloid::kernels {

// Whether outputs of phase `phase` take tap k of a dimension: (phase - k * dilation) is divisible by the stride.
inline bool in_phase(int64_t phase, int64_t k, int64_t stride, int64_t dilation) {
  return ((phase - k * dilation) % stride + stride) % stride == 0;
}

// Of plans whose groups have one input and one output channel each.
void select_depthwise_transpose(ConvTransposePlan& plan, Isa isa);
void pack_depthwise_transpose(const ConvTransposePlan& plan, const float* weights, const float* bias, void* packed);
void run_depthwise_transpose(const ConvTransposePlan& plan, const ConvArgs& args, int64_t begin, int64_t end);

}  // namespace cycloid::kernels
