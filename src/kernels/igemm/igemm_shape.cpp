#include "kernels/igemm/igemm_shape.h"

#include <algorithm>

#include "kernels/peak/peak.h"

namespace cycloid::kernels {
namespace {

// Cycles per element of the inner sum of a tile, from what a core does per cycle; dependent multiply-adds are 4 cycles apart,
// and the loop has its share. With one pipe of 512 bits (Zen 4): not quite two loads, 32 bytes from L2 (the panel is streamed).
// With two (Sapphire Rapids, measured over 64 to 256 steps, a tile's begin and end included: 14 rows of 2 vectors take 15.9
// cycles, 6 of 4 13.1, 12 of 2 13.9, 14 of 1 9.2, 8 of 1 5.6): loads and multiply-adds get in each other's way.
double tile_cycles(int lanes, int64_t rows, int64_t vectors) {
  const double r = static_cast<double>(rows), v = static_cast<double>(vectors), bytes = 4.0 * lanes;
  if (wide_fma_pipes() == 1) return std::max({r * v * bytes / 64, 0.55 * (r + v + 1), v * bytes / 32, 4.0}) + 0.5;
  return std::max({r * v / 2 + 0.11 * (r + v), 0.58 * (r + v + 1), v * bytes / 48 + 1.2, 5.0});
}

}  // namespace

const IgemmKernels& igemm_kernels(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) return igemm_kernels_avx512;
  if (isa == Isa::kAvx2) return igemm_kernels_avx2;
#else
  static_cast<void>(isa);
#endif
  return igemm_kernels_scalar;
}

namespace {

double shape_cost(const IgemmKernels& kernels, const IgemmShape& shape) {
  const int64_t rows = shape.rows, total = (shape.columns + kernels.lanes - 1) / kernels.lanes;  // vectors
  const int64_t small_rows = rows / shape.tiles;
  const int64_t large = rows - small_rows * shape.tiles;  // tiles of one row more, if uneven
  const auto row_of_tiles = [&](int64_t v) {
    return static_cast<double>(large) * tile_cycles(kernels.lanes, small_rows + 1, v) +
           static_cast<double>(shape.tiles - large) * tile_cycles(kernels.lanes, small_rows, v);
  };
  const int64_t last = total - (shape.panels - 1) * shape.vectors;
  return kCostPerCycle * (static_cast<double>(shape.panels - 1) * row_of_tiles(shape.vectors) + row_of_tiles(last));
}

// By how much the most loaded thread has more than an even share.
double unevenness(const IgemmShape& shape, int64_t threads) {
  const int64_t units = shape.tiles * panel_splits(shape.tiles, shape.panels, threads);
  return static_cast<double>((units + threads - 1) / threads * threads) / static_cast<double>(units);
}

}  // namespace

IgemmShape choose_igemm_shape(const IgemmKernels& kernels, int64_t rows, int64_t columns, int vectors,
                              int64_t threads) {
  IgemmShape best;
  double least = 0;
  for (const IgemmPanel& panel : kernels.panels) {
    if (panel.max_rows == 0 || (vectors != 0 && panel.vectors != vectors)) continue;
    const int64_t total = (columns + kernels.lanes - 1) / kernels.lanes;  // vectors
    if (panel.vectors > total && panel.vectors != 1 && vectors == 0) continue;
    IgemmShape shape{.rows = rows, .columns = columns, .vectors = panel.vectors};
    shape.panels = (total + panel.vectors - 1) / panel.vectors;
    // Where a core starts two multiply-adds a cycle, one vector is bound by loads, of which more rows need fewer (14: 76 % of
    // peak, 8: 71 %).
    const int64_t most_rows = wide_fma_pipes() == 2 ? panel.max_rows : panel.best_rows;
    const int64_t fewest = (rows + most_rows - 1) / most_rows;
    for (const int64_t tiles : {fewest, std::min(rows, round_up(fewest, threads))}) {
      shape.tiles = tiles;
      shape.tile_rows = (rows + tiles - 1) / tiles;
      shape.cost = shape_cost(kernels, shape);
      const double time = shape.cost * unevenness(shape, threads);
      if (best.vectors != 0 && time >= least) continue;
      best = shape;
      least = time;
    }
  }
  return best;
}

IgemmShape fold_shape(const IgemmKernels& kernels, int64_t rows, int64_t columns, int64_t threads) {
  IgemmShape shape{.rows = rows, .columns = columns, .vectors = 1, .panels = 1};
  shape.tiles = std::min(rows, round_up((rows + kIgemmFoldRows - 1) / kIgemmFoldRows, threads));
  shape.tile_rows = (rows + shape.tiles - 1) / shape.tiles;
  shape.cost = shape_cost(kernels, shape);
  return shape;
}

}  // namespace cycloid::kernels
