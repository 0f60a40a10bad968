// What follows the sum of a tile, divided between the tile itself and a second pass while it is in L1.
#pragma once

#include "kernels/igemm/igemm.h"

namespace cycloid::kernels {

// In the tile: bias, then a residual that comes before the activation, then clipping. In the second pass: any other
// activation, and a residual that comes after it.
struct Epilogue {
  Epilogue(const Activation& a, bool has_residual, bool residual_last)
      : activation(a),
        residual_in_tile(has_residual && !(residual_last && a.kind != ActivationKind::kNone)),
        residual_in_post(has_residual && !residual_in_tile),
        post((a.kind != ActivationKind::kNone && a.kind != ActivationKind::kClip) || residual_in_post) {}

  void set(IgemmTile& tile) const {
    tile.clip = activation.kind == ActivationKind::kClip && !post;
    tile.lo = activation.lo;
    tile.hi = activation.hi;
  }

  // The second pass over what `tile` stored; `channel` is its first column's.
  void finish(const IgemmKernels& kernels, const IgemmTile& tile, int64_t rows, int64_t channel,
              const float* residual) const {
    Activation a = activation;
    if (a.slope != nullptr) a.slope += channel;
    kernels.post(tile.c, tile.c_stride, rows, tile.columns, a, residual_in_post ? residual : nullptr,
                 tile.residual_stride);
  }

  Activation activation;
  bool residual_in_tile, residual_in_post, post;
};

}  // namespace cycloid::kernels
