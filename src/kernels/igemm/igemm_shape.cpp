#include "kernels/igemm/igemm_shape.h"

#include <algorithm>

namespace cycloid::kernels {
namespace {

// Cycles per element of the inner sum of a tile, from what Zen 4 does per cycle: 512 bits of multiply-adds, not quite
// two loads, 32 bytes from L2 (the panel is streamed); dependent multiply-adds are 4 cycles apart, and the loop has its
// share.
double tile_cycles(int lanes, int64_t rows, int64_t vectors) {
  const double r = static_cast<double>(rows), v = static_cast<double>(vectors), bytes = 4.0 * lanes;
  return std::max({r * v * bytes / 64, 0.55 * (r + v + 1), v * bytes / 32, 4.0}) + 0.5;
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

IgemmShape choose_igemm_shape(const IgemmKernels& kernels, int64_t rows, int64_t columns, int vectors) {
  IgemmShape best;
  for (const IgemmPanel& panel : kernels.panels) {
    if (panel.max_rows == 0 || (vectors != 0 && panel.vectors != vectors)) continue;
    const int64_t total = (columns + kernels.lanes - 1) / kernels.lanes;  // vectors
    if (panel.vectors > total && panel.vectors != 1 && vectors == 0) continue;
    IgemmShape shape{.rows = rows, .columns = columns, .vectors = panel.vectors};
    shape.panels = (total + panel.vectors - 1) / panel.vectors;
    shape.tiles = (rows + panel.best_rows - 1) / panel.best_rows;
    shape.tile_rows = (rows + shape.tiles - 1) / shape.tiles;
    const int64_t large = rows - rows / shape.tiles * shape.tiles;  // tiles that have tile_rows rows, if uneven
    const auto row_of_tiles = [&](int64_t v) {
      const int64_t small_rows = rows / shape.tiles;
      return static_cast<double>(large) * tile_cycles(kernels.lanes, small_rows + 1, v) +
             static_cast<double>(shape.tiles - large) * tile_cycles(kernels.lanes, small_rows, v);
    };
    const int64_t last = total - (shape.panels - 1) * panel.vectors;
    shape.cost = static_cast<double>(shape.panels - 1) * row_of_tiles(panel.vectors) + row_of_tiles(last);
    shape.cost *= kCostPerCycle;
    if (best.vectors == 0 || shape.cost < best.cost) best = shape;
  }
  return best;
}

}  // namespace cycloid::kernels
