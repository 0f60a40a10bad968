// What Winograd's kernels do with a tile's products behind the transform: where the outputs go, and what follows there.
#pragma once

#include <algorithm>
#include <limits>

#include "kernels/conv/conv_kernels.h"
#include "kernels/conv/winograd.h"

namespace cycloid::kernels {

// Of outputs that begin at `pixel` (counted over all images) and `channel`, `width` columns at most; the products, bias, rows and
// pixels are the kernel's to set.
inline WinogradOutput winograd_output_at(const ConvParams& p, const ConvArgs& args, const Epilogue& epilogue,
                                         int64_t pixel, int64_t channel, int64_t width) {
  const bool clip = epilogue.activation.kind == ActivationKind::kClip;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  WinogradOutput out{};
  out.columns = std::min(width, p.out_c - channel);
  out.residual = epilogue.residual_in_body ? args.residual + pixel * p.residual_stride + channel : nullptr;
  out.residual_stride = p.residual_stride;
  out.residual_row = p.out_w * p.residual_stride;
  out.out = args.out + pixel * p.out_stride + channel;
  out.out_stride = p.out_stride;
  out.out_row = p.out_w * p.out_stride;
  out.lo = clip ? epilogue.activation.lo : -kInfinity;
  out.hi = clip ? epilogue.activation.hi : kInfinity;
  out.activation = clip && !epilogue.activation.scaled ? nullptr : epilogue.in_body();
  out.slope = epilogue.slope(channel);
  out.residual_last = epilogue.residual_last;
  return out;
}

// The second pass over what `out`, of the same place, has stored.
inline void winograd_finish(const ConvPlan& plan, const ConvArgs& args, const Epilogue& epilogue,
                            const WinogradOutput& out, int64_t pixel, int64_t channel) {
  if (!epilogue.post) return;
  const ConvParams& p = plan.params;
  const float* residual = epilogue.residual_in_post ? args.residual + pixel * p.residual_stride + channel : nullptr;
  for (int64_t row = 0; row < out.rows; ++row) {
    plan.igemm->post(out.out + row * out.out_row, out.out_stride, out.pixels, out.columns, epilogue.activation,
                     residual != nullptr ? residual + row * out.residual_row : nullptr, p.residual_stride);
  }
}

}  // namespace cycloid::kernels
