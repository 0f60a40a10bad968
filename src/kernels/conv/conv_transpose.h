// Transposed two-dimensional convolution of channels-last float32. Protocol and conventions as in conv.h.
//
// Output pixel y takes input pixel i by tap k where y = i * stride - pad + k * dilation. Pixels with the same remainder
// of (y + pad) / stride take the same taps (a phase), so each phase is an ordinary convolution of stride 1 with a part
// of the window, and no product is wasted on the zeros that a naive form inserts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/cpu.h"
#include "kernels/activation.h"
#include "kernels/conv/conv.h"

namespace cycloid::kernels {

// The output size is given, so output padding is implied by it. `in_c` and `out_c` are totals over the groups.
struct ConvTransposeParams {
  int64_t batch = 1;
  int64_t in_h = 1, in_w = 1, in_c = 1;
  int64_t out_h = 1, out_w = 1, out_c = 1;
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0;
  int64_t groups = 1;
  int64_t in_stride = 0, out_stride = 0;  // floats from pixel to pixel; 0 means dense
  Activation activation = {};

  double flops() const {
    return 2.0 * static_cast<double>(batch) * static_cast<double>(in_h * in_w) * static_cast<double>(in_c) *
           static_cast<double>(out_c / groups) * static_cast<double>(kernel_h * kernel_w);
  }
};

struct DepthwiseBodies;

struct ConvTransposePlan {
  ConvTransposeParams params;  // strides of 0 replaced
  std::string_view name;       // "conv_transpose.igemm.avx512", "conv_transpose.depthwise.avx512"
  const IgemmKernels* igemm = nullptr;
  size_t packed_bytes = 0, scratch_bytes = 0;
  int64_t units = 0;  // output rows
  int64_t vectors = 0, panels = 0, max_rows = 0, zero_bytes = 0, group_floats = 0;
  int64_t fold = 1;  // input channels that a row of a panel holds (igemm.h)
  // Where the taps of a row do not overlap, an input pixel makes as many output pixels as the stride, side by side: `params`
  // are then those of one tap with so many times the channels.
  int64_t joined_columns = 1;
  // Of one input and one output channel per group; null elsewhere.
  const DepthwiseBodies* depthwise = nullptr;
  int64_t channels = 0;  // in whole vectors

  // `weights` [in_c][out_c / groups][kernel_h][kernel_w], `bias` [out_c] or null.
  void pack(const float* weights, const float* bias, void* packed) const;
  // ConvArgs::residual is not used.
  void run(const ConvArgs& args, int64_t begin, int64_t end) const;
};

using ConvTransposeSelection = std::variant<ConvTransposePlan, std::string>;
ConvTransposeSelection select_conv_transpose(const ConvTransposeParams& params, Isa isa);

}  // namespace cycloid::kernels
