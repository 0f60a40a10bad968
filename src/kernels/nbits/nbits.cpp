// Packed memory: the codes of all panels, then the scales, then the offsets.
#include "kernels/nbits/nbits.h"

#include <algorithm>
#include <cstring>

#include "base/aligned.h"
#include "kernels/igemm/igemm_shape.h"
#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

// Beyond so many rows unpacking pays: for 32 weights the rows' loop takes about 2.5 cycles and 1 a row, and again for every 4
// rows; unpacking takes 4.5, and a row in the tile 1 (AVX-512).
constexpr int64_t kFewRows = 6;

// Rows of weights unpacked at a time: 32 KB of a panel of 32 columns, which stay in L1 beside the rows of A.
constexpr int64_t kUnpackedRows = 256;

int64_t code_bytes(const NbitsPlan& plan) {
  return plan.params.blocks() * plan.params.block * plan.stored_bits / 8 * kNbitsColumns;
}
int64_t block_floats(const NbitsPlan& plan) { return plan.params.blocks() * kNbitsColumns; }

}  // namespace

NbitsPlan plan_nbits(const NbitsParams& params, Isa isa) {
  NbitsPlan plan{.params = params};
  plan.bodies = &CYCLOID_ISA_TABLE(isa, nbits_bodies);
  plan.igemm = &igemm_kernels(isa);
  plan.stored_bits = params.bits == 8 ? 8 : 4;
  plan.panels = (params.n + kNbitsColumns - 1) / kNbitsColumns;
  plan.tiles = params.m > kFewRows;
  plan.name = plan.tiles ? "nbits.tiles" : "nbits.rows";
  plan.packed_bytes = align_up(static_cast<size_t>(plan.panels * code_bytes(plan))) +
                      2 * static_cast<size_t>(plan.panels * block_floats(plan)) * sizeof(float);
  if (!plan.tiles) {
    plan.scratch_bytes = align_up(static_cast<size_t>(params.m * params.blocks()) * sizeof(float));
    // The sums of A are computed by each range of units, so a unit is as long as threads leave it.
    const int64_t wanted = params.threads <= 1 ? 1 : 4 * params.threads;
    plan.unit_panels = std::max<int64_t>(1, plan.panels / wanted);
  } else {
    // The widest panel of whole vectors that is a multiple of the packed one, and of which the tile takes many rows.
    const int64_t lanes = plan.igemm->lanes;
    plan.unit_panels = lanes == 16 ? std::min<int64_t>(2, plan.panels) : 1;
    plan.k_block = std::max<int64_t>(params.block, kUnpackedRows / params.block * params.block);
    const size_t unpacked = static_cast<size_t>(plan.k_block * plan.unit_panels * kNbitsColumns) * sizeof(float);
    plan.scratch_bytes = align_up(unpacked) + align_up(32 * sizeof(float*));
  }
  plan.units = (plan.panels + plan.unit_panels - 1) / plan.unit_panels;
  return plan;
}

void NbitsPlan::pack(const uint8_t* codes, const float* scales, const float* zero_points, void* packed) const {
  std::memset(packed, 0, packed_bytes);
  auto* const bytes = static_cast<uint8_t*>(packed);
  auto* const all_scales = reinterpret_cast<float*>(bytes + align_up(static_cast<size_t>(panels * code_bytes(*this))));
  float* const all_offsets = all_scales + panels * block_floats(*this);
  const int64_t blocks = params.blocks(), each = 8 / params.bits,
                column_bytes = blocks * params.block * params.bits / 8;
  const int mask = (1 << params.bits) - 1;
  for (int64_t column = 0; column < params.n; ++column) {
    const int64_t p = column / kNbitsColumns, j = column % kNbitsColumns;
    const uint8_t* from = codes + column * column_bytes;
    uint8_t* to = bytes + p * code_bytes(*this) + j;
    for (int64_t k = 0; k < params.k; ++k) {
      const int code = from[k / each] >> (k % each * params.bits) & mask;
      if (stored_bits == 8) {
        to[k * kNbitsColumns] = static_cast<uint8_t>(code);
      } else {
        to[k / 2 * kNbitsColumns] |= static_cast<uint8_t>(k % 2 == 0 ? code : code << 4);
      }
    }
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t at = (p * blocks + b) * kNbitsColumns + j;
      all_scales[at] = scales[column * blocks + b];
      all_offsets[at] =
          zero_points != nullptr ? zero_points[column * blocks + b] : static_cast<float>(1 << (params.bits - 1));
    }
  }
}

NbitsPanel NbitsPlan::panel(const void* packed, int64_t i) const {
  const auto* const bytes = static_cast<const uint8_t*>(packed);
  const auto* const scales =
      reinterpret_cast<const float*>(bytes + align_up(static_cast<size_t>(panels * code_bytes(*this))));
  const float* const offsets = scales + panels * block_floats(*this);
  return {.codes = bytes + i * code_bytes(*this),
          .scales = scales + i * block_floats(*this),
          .offsets = offsets + i * block_floats(*this),
          .bits = stored_bits,
          .block = params.block};
}

void NbitsPlan::run(const NbitsArgs& args, int64_t begin, int64_t end) const {
  if (begin == end) return;
  tiles ? run_tiles(args, begin, end) : run_rows(args, begin, end);
}

void NbitsPlan::run_rows(const NbitsArgs& args, int64_t begin, int64_t end) const {
  const int64_t blocks = params.blocks();
  auto* const sums = static_cast<float*>(args.scratch);
  for (int64_t r = 0; r < params.m; ++r) {
    for (int64_t b = 0; b < blocks; ++b) {
      const float* a = args.a + r * params.k + b * params.block;
      const int64_t count = std::min(params.block, params.k - b * params.block);
      float sum[4] = {};
      int64_t i = 0;
      for (; i + 4 <= count; i += 4) {
        for (int64_t l = 0; l < 4; ++l) sum[l] += a[i + l];
      }
      for (; i < count; ++i) sum[0] += a[i];
      sums[r * blocks + b] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
  }
  for (int64_t p = begin * unit_panels; p < std::min(end * unit_panels, panels); ++p) {
    const int64_t column = p * kNbitsColumns;
    for (int64_t r = 0; r < params.m; r += kNbitsMaxRows) {
      bodies->rows({.panel = panel(args.packed, p),
                    .a = args.a + r * params.k,
                    .a_step = params.k,
                    .rows = std::min(kNbitsMaxRows, params.m - r),
                    .depth = params.k,
                    .sums = sums + r * blocks,
                    .sums_step = blocks,
                    .bias = args.bias == nullptr ? nullptr : args.bias + column,
                    .y = args.c + r * params.n + column,
                    .y_step = params.n,
                    .columns = std::min(kNbitsColumns, params.n - column)});
    }
  }
}

void NbitsPlan::run_tiles(const NbitsArgs& args, int64_t begin, int64_t end) const {
  auto* const unpacked = static_cast<float*>(args.scratch);
  const int64_t full = unit_panels * kNbitsColumns;
  auto* const pointers = reinterpret_cast<const float**>(static_cast<char*>(args.scratch) +
                                                         align_up(static_cast<size_t>(k_block * full) * sizeof(float)));
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t first = unit * unit_panels, count = std::min(unit_panels, panels - first);
    const int64_t column = first * kNbitsColumns, left = params.n - column;
    // Whole vectors that hold a column; what was unpacked beyond them is not read.
    const int64_t width = std::min(count * kNbitsColumns, round_up(left, igemm->lanes));
    const IgemmPanel& tiles_of = igemm->panels[width / igemm->lanes - 1];
    for (int64_t k = 0; k < params.k; k += k_block) {
      const int64_t k_end = std::min(params.k, k + k_block);
      for (int64_t p = 0; p < count; ++p) {
        bodies->unpack({.panel = panel(args.packed, first + p),
                        .begin = k,
                        .end = k_end,
                        .to = unpacked + p * kNbitsColumns,
                        .to_step = full});
      }
      IgemmTile tile{};
      tile.taps = 1;
      tile.k_stride = 1;
      tile.channels = k_end - k;
      tile.b = unpacked;
      tile.b_stride = full;
      tile.columns = std::min(width, left);
      tile.bias = params.has_bias ? args.bias + column : nullptr;
      tile.accumulate = k > 0;
      tile.c_stride = params.n;
      tile.row_stride = width == full ? params.k : 0;
      for (int64_t r = 0; r < params.m;) {
        const int64_t rows = std::min<int64_t>(tiles_of.best_rows, params.m - r);
        for (int64_t i = 0; i < rows; ++i) pointers[i] = args.a + (r + i) * params.k + k;
        tile.rows = pointers;
        tile.row_pointers = rows;
        tile.c = args.c + r * params.n + column;
        tiles_of.by_rows[rows - 1](tile);
        r += rows;
      }
    }
  }
}

}  // namespace cycloid::kernels
