// The windows of convolution and pooling.
#pragma once

#include <string>

#include "plan/lowering/lowering.h"

namespace cycloid {

// One- or two-dimensional; the first of one dimension is 1 with stride 1.
struct KernelWindow {
  std::size_t rank = 2;
  std::int64_t kernel[2] = {1, 1}, stride[2] = {1, 1}, dilation[2] = {1, 1};
  std::int64_t pad_begin[2] = {0, 0}, pad_end[2] = {0, 0};
  std::int64_t in[2] = {1, 1}, out[2] = {1, 1};
};

// Fills `window` from the node's attributes, its input's and output's dims (rank 3 or 4), and the kernel's sizes where
// they are no attribute. A reason where that cannot be. Without `same`, padding that auto_pad asks to be computed is left 0.
Declined parse_window(const Node& node, const Dims& in, const Dims& out, std::span<const std::int64_t> kernel,
                      KernelWindow& window, bool same = true);

// The sizes that the kernels' parameters of convolution and pooling have in common.
template <class Params>
void set_window(const KernelWindow& window, Params& params) {
  params.in_h = window.in[0];
  params.in_w = window.in[1];
  params.out_h = window.out[0];
  params.out_w = window.out[1];
  params.kernel_h = window.kernel[0];
  params.kernel_w = window.kernel[1];
  params.stride_h = window.stride[0];
  params.stride_w = window.stride[1];
  params.dilation_h = window.dilation[0];
  params.dilation_w = window.dilation[1];
  params.pad_top = window.pad_begin[0];
  params.pad_left = window.pad_begin[1];
}

}  // namespace cycloid
