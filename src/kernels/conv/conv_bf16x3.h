// How a convolution on tiles of bfloat16 (conv_bf16x3.cpp) is cut up, and where its packed memory and scratch have what.
#pragma once

#include <algorithm>

#include "base/aligned.h"
#include "kernels/bf16x3/bf16x3.h"
#include "kernels/conv/conv_kernels.h"

namespace cycloid::kernels::conv_bf16x3 {

inline constexpr int64_t kFloat = sizeof(float), kHalf = 2;

inline const Bf16x3Bodies& bodies(const ConvPlan& plan) { return *static_cast<const Bf16x3Bodies*>(plan.isa_table); }

// Of a tap's channels, and blocks of the whole sum.
inline int64_t granules(const ConvPlan& plan) { return plan.channels / kBf16x3Granule; }
inline int64_t sum_blocks(const ConvPlan& plan) { return ceil_div(plan.taps * plan.channels, kBf16x3Block); }
// Of A: an odd number of cache lines, so that the rows of a tile lie in different sets of L1.
inline int64_t row_bytes(const ConvPlan& plan) { return (sum_blocks(plan) * kBf16x3Parts | 1) * kBf16x3Line; }
inline int64_t column_tile_bytes(const ConvPlan& plan) { return sum_blocks(plan) * kBf16x3Parts * kBf16x3TileBytes; }
inline int64_t panel_bytes(const ConvPlan& plan, int64_t columns) {
  return column_tile_bytes(plan) * (columns > kBf16x3Tile ? 2 : 1);
}
inline int64_t pixel_bytes(const ConvPlan& plan) {
  return kBf16x3Parts * round_up(plan.channels, kBf16x3Block) * kHalf;
}

// The padded image that windows lie in.
inline int64_t padded_h(const ConvParams& p) {
  return (p.out_h - 1) * p.stride_h + (p.kernel_h - 1) * p.dilation_h + 1;
}
inline int64_t padded_w(const ConvParams& p) {
  return (p.out_w - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w + 1;
}

// Rows of the padded images, counted over all of them, that the windows of output pixels [begin, end) lie in.
struct PaddedRows {
  int64_t begin, end;
};
inline PaddedRows padded_rows(const ConvParams& p, int64_t begin, int64_t end) {
  const auto top = [&](int64_t pixel) {
    const int64_t row = pixel / p.out_w;
    return row / p.out_h * padded_h(p) + row % p.out_h * p.stride_h;
  };
  return {top(begin), top(end - 1) + (p.kernel_h - 1) * p.dilation_h + 1};
}

inline bool large_weights(const ConvPlan& plan) {
  return static_cast<int64_t>(plan.packed_bytes) > cpu_info().l2_bytes / 2;
}
inline bool far_weights(const ConvPlan& plan) { return plan.params.weights_far || large_weights(plan); }

// Of memory that a range of units needs: rows of one or two blocks, and where the window has several taps, the parts of a block's
// pixels; then lists.
struct Scratch {
  explicit Scratch(const ConvPlan& plan)
      : block(round_up(plan.tile_rows, kBf16x3Panel) * row_bytes(plan)), pixel_count(plan.block_pixels) {
    pixels = block * (plan.tiles > 1 && !large_weights(plan) ? 2 : 1);
    pixel_list = pixels + add(pixel_count * pixel_bytes(plan));
    row_list = pixel_list + add(pixel_count * static_cast<int64_t>(sizeof(Bf16x3Pixel)));
    offsets = row_list + add(plan.tile_rows * static_cast<int64_t>(sizeof(void*)));
    total = offsets + add(plan.taps * static_cast<int64_t>(sizeof(int64_t)));
  }
  static int64_t add(int64_t bytes) { return static_cast<int64_t>(align_up(static_cast<size_t>(bytes))); }

  int64_t block, pixel_count;
  int64_t pixels, pixel_list, row_list, offsets, total;  // bytes from the start
};

// Where element k of column `column`'s first part is, in halves from the start of the packed memory, and how far it is to the next part.
struct PackedPlace {
  int64_t at, part;
};
inline PackedPlace packed_place(const ConvPlan& plan, int64_t k, int64_t column) {
  const int64_t panel = column / kBf16x3Panel, in_panel = column % kBf16x3Panel;
  const int64_t tiles = plan.params.out_c - panel * kBf16x3Panel > kBf16x3Tile ? 2 : 1;
  constexpr int64_t kTile = kBf16x3TileBytes / kHalf;
  const int64_t start = panel * panel_bytes(plan, kBf16x3Panel) / kHalf;
  const int64_t in_block = k % kBf16x3Block;
  return {start + k / kBf16x3Block * kBf16x3Parts * tiles * kTile + in_panel / kBf16x3Tile * kTile +
              in_block / 2 * 2 * kBf16x3Tile + in_panel % kBf16x3Tile * 2 + in_block % 2,
          tiles * kTile};
}

inline const float* bias_of(const ConvPlan& plan, const void* packed) {
  return reinterpret_cast<const float*>(static_cast<const char*>(packed) + plan.packed_bytes -
                                        plan.panels * kBf16x3Panel * kFloat);
}

// Computes units [begin, end) (ConvKernel::run).
void run(const ConvPlan& plan, const ConvArgs& args, int64_t begin, int64_t end);

}  // namespace cycloid::kernels::conv_bf16x3
