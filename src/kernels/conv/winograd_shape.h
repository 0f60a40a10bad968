// Geometry of Winograd's convolution kernels (conv_winograd.cpp): tiles, blocks, points and channels.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "kernels/conv/conv.h"
#include "kernels/conv/winograd.h"
#include "kernels/igemm/igemm_shape.h"

namespace cycloid::kernels {

// Tiles are large or small along each axis. This order makes the tiles that have a given point adjacent: the last point of
// the rows needs a tile of large height, that of the columns one of large width.
struct WinogradKind {
  bool large_y, large_x;
};
inline constexpr WinogradKind kWinogradKinds[] = {{true, false}, {true, true}, {false, true}, {false, false}};
inline constexpr int kWinogradKindCount = 4;

// A kernel of one row or column, and the taps of it.
inline bool winograd_is_line(const ConvParams& p) { return (p.kernel_h == 1) != (p.kernel_w == 1); }

// Cuts an axis of `outputs` into tiles of at most `points` points. No tile has fewer than kWinogradMinPoints
// points, nor other than 8 where that is `points`; what then lies beyond the last output is computed in vain. One tap is one point an output.
WinogradAxis winograd_axis(int64_t outputs, int64_t taps, int64_t points);

inline int64_t winograd_tiles(const WinogradAxis& axis, bool large) {
  return large ? axis.large : axis.tiles - axis.large;
}

// Tiles of the kind, over the batch.
inline int64_t winograd_kind_tiles(const ConvPlan& plan, int kind) {
  return plan.params.batch * winograd_tiles(plan.axis_y, kWinogradKinds[kind].large_y) *
         winograd_tiles(plan.axis_x, kWinogradKinds[kind].large_x);
}

inline int64_t winograd_points(const ConvPlan& plan) { return plan.axis_y.points * plan.axis_x.points; }

// Point (i, j) sums the first so many of the phases * in_c channels. With stride 2 the input's even and odd rows and columns
// are 4 phases, each convolved with its own taps, and the phases' channels lie side by side: (even row, even column),
// (even, odd), (odd, even), (odd, odd). The odd phases of an odd kernel have one tap fewer: their weights at infinity, which
// are the last tap, are 0.
inline int64_t winograd_channels(const ConvPlan& plan, int64_t i, int64_t j) {
  const ConvParams& p = plan.params;
  if (plan.phases == 1 || p.kernel_h % 2 == 0) return plan.phases * p.in_c;
  const bool last_y = i == kWinogradInfinity, last_x = j == kWinogradInfinity;
  return (last_y && last_x ? 1 : last_y ? 2 : last_x ? 3 : 4) * p.in_c;
}

// Sum of the channels over all points (ConvPlan::point_channels): multiply-adds for a large tile and an output channel.
int64_t winograd_sum(const ConvPlan& plan);

// Pixels of few channels are laid side by side by phase before they are transformed, so that vectors are filled.
inline bool winograd_gathers(const ConvPlan& plan) {
  const ConvParams& p = plan.params;
  return plan.phases == 4 && p.in_c < plan.igemm->lanes && p.in_stride == p.in_c;
}

// Floats from tile to tile of the transformed input; whole vectors are written. A multiple of 2 KiB would put a register
// tile's rows into few sets of L1.
int64_t winograd_v_stride(const ConvPlan& plan);

// A tile: its first output pixel and how many points it has.
struct WinogradPlace {
  int32_t image, y, x;
  int16_t points_y, points_x;
};

// Offsets in bytes of the parts of scratch.
struct WinogradScratch {
  size_t products, pointers, places, gathered, total;  // the transformed input is at 0
};
WinogradScratch winograd_scratch(const ConvPlan& plan);

// Transformed weights; see conv_winograd.cpp for the layout.
void pack_winograd(const ConvPlan& plan, const float* weights, const float* bias, void* packed);

}  // namespace cycloid::kernels
