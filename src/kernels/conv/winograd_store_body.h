// What ends Winograd's kernels: one vector of an output pixel.
#pragma once

#include "kernels/conv/winograd.h"
#include "kernels/post_body.h"
#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

// kPlain: neither a residual nor an activation but clipping.
template <bool kPlain, bool kFull>
CYCLOID_INLINE void winograd_store(const WinogradOutput& t, int64_t row, int64_t pixel, int64_t c, Vec y, Mask mask) {
  if constexpr (kPlain)
    return store_part<kFull>(t.out + row * t.out_row + pixel * t.out_stride + c, min(set1(t.hi), max(set1(t.lo), y)),
                             mask);
  Vec residual = zero();
  if (t.residual != nullptr)
    residual = load_part<kFull>(t.residual + row * t.residual_row + pixel * t.residual_stride + c, mask);
  if (t.residual != nullptr && !t.residual_last) y = y + residual;
  y = min(set1(t.hi), max(set1(t.lo), y));
  if (t.activation != nullptr) y = activate_in_registers<kFull>(y, *t.activation, t.slope, c, mask);
  if (t.residual != nullptr && t.residual_last) y = y + residual;
  store_part<kFull>(t.out + row * t.out_row + pixel * t.out_stride + c, y, mask);
}

}  // namespace
}  // namespace cycloid::kernels
