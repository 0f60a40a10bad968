// What follows the sum of a tile, divided between the body that sums and a second pass while its result is in L1.
#pragma once

#include "kernels/igemm/igemm.h"

namespace cycloid::kernels {

// In the body: bias, and the residual and the activation where in_registers(). In the second pass: any other activation, and a
// residual that comes after it.
struct Epilogue {
  Epilogue(const Activation& a, bool has_residual, bool last)
      : activation(a),
        post(!in_registers(a.kind)),
        residual_last(last && a.kind != ActivationKind::kNone),
        residual_in_body(has_residual && !(residual_last && post)),
        residual_in_post(has_residual && !residual_in_body) {}

  // What the body applies, or null.
  const Activation* in_body() const { return post || activation.kind == ActivationKind::kNone ? nullptr : &activation; }
  // PRelu's slopes from a channel on.
  const float* slope(int64_t channel) const {
    return activation.kind == ActivationKind::kPRelu ? activation.slope + channel : nullptr;
  }

  // For a tile whose first column is `channel`. The tile points to this epilogue.
  void set(IgemmTile& tile, int64_t channel) const {
    tile.activation = in_body();
    tile.slope = slope(channel);
    tile.residual_last = residual_last;
  }

  // The second pass over what `tile` stored; `channel` is its first column's.
  void finish(const IgemmKernels& kernels, const IgemmTile& tile, int64_t rows, int64_t channel,
              const float* residual) const {
    Activation a = activation;
    a.slope = slope(channel);
    kernels.post(tile.c, tile.c_stride, rows, tile.columns, a, residual_in_post ? residual : nullptr,
                 tile.residual_stride);
  }

  Activation activation;
  bool post;           // there is a second pass
  bool residual_last;  // after the activation
  bool residual_in_body, residual_in_post;
};

}  // namespace cycloid::kernels
