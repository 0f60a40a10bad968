// Convolution on tiles of bfloat16 (bf16x3/bf16x3.h): rows are output pixels, columns output channels, and the sum runs over taps
// and input channels, a tap's rounded up to a granule.
//
// Work unit (block, split): blocks of output pixels, `splits` parts of the panels of 32 output channels; the split runs fastest.
// A range of units makes the rows of each of its blocks once, while it adds up those of the block before. Where the window has one
// tap, they are made from the pixels; otherwise the parts of all pixels that the block's windows touch, padding included, are
// made first, and rows are copies of them.
// Packed memory: panels, each [blocks of the sum][part][tiles of 16 columns][16][16][2] (Bf16x3Sum); bias.
#include "kernels/conv/conv_bf16x3.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/cpu.h"
#include "kernels/conv/conv_kernels.h"

namespace cycloid::kernels {
namespace conv_bf16x3 {
namespace {

// Two blocks' rows are in a quarter of L2, one's where there is no other. Blocks are small, so that what vectors do for the next one
// is spread over all products. Weights that do not stay in L2 are read from beyond for each block: blocks are large then, one at a
// time in L2, and where they are few threads share panels.
void choose_blocks(ConvPlan& plan) {
  const ConvParams& p = plan.params;
  const bool large = large_weights(plan);
  const int64_t passes = large ? 8 : p.threads > 1 ? 1 : 2, l2 = cpu_info().l2_bytes;
  const int64_t all = round_up(pixels(p), kBf16x3Panel), fit = (large ? l2 / 8 * 5 : l2 / 4) / row_bytes(plan);
  int64_t rows = std::min({all, fit, passes * kBf16x3Panel});
  if (rows < all && !large) rows = std::min(rows, fit / 2);
  plan.tile_rows = std::max(rows / kBf16x3Panel * kBf16x3Panel, kBf16x3Panel);
  plan.tiles = ceil_div(pixels(p), plan.tile_rows);
  plan.splits = panel_splits(plan.tiles, plan.panels, p.threads);
  plan.units = plan.tiles * plan.splits;
}

// ConvPlan::block_pixels
int64_t block_pixels(const ConvPlan& plan) {
  if (plan.taps == 1) return 0;
  const int64_t all = pixels(plan.params);
  int64_t most = 0;
  for (int64_t first = 0; first < all; first += plan.tile_rows) {
    const PaddedRows rows = padded_rows(plan.params, first, std::min(all, first + plan.tile_rows));
    most = std::max(most, rows.end - rows.begin);
  }
  return most * padded_w(plan.params);
}

// The tiles of rows that all threads compute in the time of the one with the most.
int64_t row_tiles(const ConvPlan& plan) {
  const int64_t of_block = ceil_div(std::min(plan.tile_rows, pixels(plan.params)), kBf16x3Tile);
  const int64_t all = std::max(ceil_div(pixels(plan.params), kBf16x3Tile), of_block);
  return plan.splits > 1 ? all
                         : std::max(all, of_block * ceil_div(plan.tiles, plan.params.threads) * plan.params.threads);
}

// Cycles of a product of tiles, with the others that make one of float32, held back by the power that it takes; to make the parts
// of 32 elements, and to copy them; beside the products, to store a vector of results, for each pass over 32 rows, and to begin.
// Vectors' work overlaps with products only in part. Measured on Sapphire Rapids.
constexpr double kTileCycles = 22 * 6, kSplitCycles = 12, kCopyCycles = 22, kFinishCycles = 9, kPassCycles = 260,
                 kBeginCycles = 500;
// The steps that follow are some per cent slower, for the power that was taken.
constexpr double kAfterwards = 1.08;

// Of making all rows once.
double rows_cost(const ConvPlan& plan) {
  const ConvParams& p = plan.params;
  const double blocks = static_cast<double>(pixels(p) * sum_blocks(plan));
  if (plan.taps == 1) return blocks * kSplitCycles * kCostPerCycle;
  const double made = static_cast<double>(plan.tiles * plan.block_pixels * ceil_div(plan.channels, kBf16x3Block));
  return (made * kSplitCycles + blocks * kCopyCycles) * kCostPerCycle;
}

std::string configure(const ConvKernel&, ConvPlan& plan) {
  const ConvParams& p = plan.params;
  const Bf16x3Bodies* const table = bf16x3_bodies();
  if (table == nullptr) return "bf16x3: the processor has no tiles of bfloat16, or the system does not allow them";
  if (p.subnormals) return "bf16x3: it takes subnormal numbers for zero";
  if (p.channels_first) return "bf16x3: the input is channels-first";
  if (p.groups != 1) return "bf16x3: grouped";
  if (p.panel_vectors > 0) return "bf16x3: one width of the register tile";
  plan.isa_table = table;
  plan.igemm = &igemm_kernels(Isa::kAvx512);
  plan.parts = kBf16x3Parts;
  plan.taps = p.kernel_h * p.kernel_w;
  plan.channels = round_up(p.in_c, kBf16x3Granule);
  plan.panels = ceil_div(p.out_c, kBf16x3Panel);
  plan.packed_bytes = static_cast<size_t>(column_tile_bytes(plan) * ceil_div(p.out_c, kBf16x3Tile) +
                                          plan.panels * kBf16x3Panel * kFloat);
  choose_blocks(plan);
  plan.block_pixels = block_pixels(plan);
  plan.scratch_bytes = static_cast<size_t>(Scratch(plan).total);
  plan.cost_flops = 2 * kCostPerCycle * kTileCycles *
                    static_cast<double>(row_tiles(plan) * ceil_div(p.out_c, kBf16x3Tile) * sum_blocks(plan));
  // Rows of a range's first pass are made before its products.
  const int64_t firsts = plan.splits > 1 ? plan.tiles : ceil_div(pixels(p), kBf16x3Panel);
  plan.range_cost = kBeginCycles * kCostPerCycle + rows_cost(plan) / static_cast<double>(firsts);
  return {};
}

double cost(const ConvPlan& plan) {
  // A panel of one tile has two sums at a time, which wait for each other.
  const bool narrow = plan.params.out_c <= kBf16x3Tile;
  const double panels = static_cast<double>(plan.panels) * (narrow ? 4 : 1);
  const double passes = panels * static_cast<double>(ceil_div(pixels(plan.params), kBf16x3Panel));
  // Those of a panel that is not whole take twice as long, with masks.
  const int64_t partial = plan.params.out_c % kBf16x3Panel == 0 ? 0 : 2;
  const double vectors =
      static_cast<double>(pixels(plan.params) * (ceil_div(plan.params.out_c, plan.igemm->lanes) + partial));
  // There is little to do for each byte of weights, so that what the fetching of others takes shows: half as much again and more.
  const double streaming = 1.7 * weight_streaming_cost(plan, static_cast<double>(plan.tiles));
  const double all = std::max(plan.cost_flops / 2, streaming) + rows_cost(plan) +
                     kCostPerCycle * (vectors * kFinishCycles + passes * kPassCycles) +
                     static_cast<double>(plan.params.threads) * plan.range_cost;
  return all * kAfterwards;
}

float leading(float x) {
  uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  bits &= 0xffff0000;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// A float's parts; what is left for the last one has no more bits than that. Of an infinity or a NaN the others are zero.
void split_float(float x, uint16_t (&to)[kBf16x3Parts]) {
  if (std::isnan(x)) x = std::numeric_limits<float>::quiet_NaN();  // whose leading bits tell
  for (uint16_t& part : to) {
    const float here = leading(x);
    uint32_t bits = 0;
    std::memcpy(&bits, &here, sizeof bits);
    part = static_cast<uint16_t>(bits >> 16);
    x = std::isfinite(here) ? x - here : 0;
  }
}

void pack(const ConvPlan& plan, const float* weights, const float* bias, void* packed) {
  const ConvParams& p = plan.params;
  std::memset(packed, 0, plan.packed_bytes);
  auto* const to = static_cast<uint16_t*>(packed);
  for (int64_t j = 0; j < p.out_c; ++j) {
    for (int64_t tap = 0; tap < plan.taps; ++tap) {
      for (int64_t c = 0; c < p.in_c; ++c) {
        uint16_t parts[kBf16x3Parts];
        split_float(weights[(j * p.in_c + c) * plan.taps + tap], parts);
        const PackedPlace place = packed_place(plan, tap * plan.channels + c, j);
        for (int64_t part = 0; part < kBf16x3Parts; ++part) to[place.at + part * place.part] = parts[part];
      }
    }
  }
  if (bias != nullptr) std::copy_n(bias, p.out_c, const_cast<float*>(bias_of(plan, packed)));
}

}  // namespace
}  // namespace conv_bf16x3

ConvKernel conv_bf16x3_kernel(std::string_view name, Isa isa) {
  return {name, isa, conv_bf16x3::configure, conv_bf16x3::pack, conv_bf16x3::run, conv_bf16x3::cost};
}

}  // namespace cycloid::kernels
