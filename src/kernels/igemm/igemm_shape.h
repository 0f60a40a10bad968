// How a product of `rows` x `columns` is cut into the register tiles of igemm.h.
#pragma once

#include <cstdint>

#include "base/cpu.h"
#include "kernels/igemm/igemm.h"

namespace cycloid::kernels {

const IgemmKernels& igemm_kernels(Isa isa);

// Costs are in multiply-adds at the peak of a core that does 512 bits of them per cycle, so 16 to a cycle.
inline constexpr double kCostPerCycle = 16;
// Of the reference machine (a Zen 4 server core under full vector load), to turn costs into times.
inline constexpr double kCyclesPerNs = 3.7;

// Rows are cut into `tiles` tiles whose sizes differ by at most one: tile i has rows [tile_begin(i), tile_begin(i +
// 1)). Columns are cut into panels of `vectors` vectors, the last one maybe narrower.
struct IgemmShape {
  int64_t rows = 0, columns = 0;
  int vectors = 0;
  int64_t tiles = 0, panels = 0;
  int64_t tile_rows = 0;  // of the largest tile
  double cost = 0;        // estimate for one element of the inner sum, in units of kCostPerCycle

  int64_t tile_begin(int64_t tile) const { return tile * rows / tiles; }
};

// How many parts the panels of each tile are cut into, so that `threads` threads have about four units each: then the uneven
// last ones are below a quarter of the time.
inline int64_t panel_splits(int64_t tiles, int64_t panels, int64_t threads) {
  if (threads <= 1) return 1;
  const int64_t wanted = (4 * threads + tiles - 1) / tiles;
  return wanted < 1 ? 1 : wanted > panels ? panels : wanted;
}

// The cheapest cut for so many threads; `vectors` 0 means any.
IgemmShape choose_igemm_shape(const IgemmKernels& kernels, int64_t rows, int64_t columns, int vectors = 0,
                              int64_t threads = 1);

// Width in floats of panel p, in whole vectors.
inline int64_t panel_width(const IgemmKernels& k, int vectors, int64_t columns, int64_t p) {
  const int64_t left = columns - p * vectors * k.lanes, full = static_cast<int64_t>(vectors) * k.lanes;
  return left >= full ? full : (left + k.lanes - 1) / k.lanes * k.lanes;
}

// Channels that a lane group of the tiles for few columns holds (IgemmKernels::folds), the most for which all columns are in one
// vector; 1 where a vector is better filled with columns.
inline int64_t choose_fold(const IgemmKernels& k, int64_t columns, int64_t channels) {
  for (int s = kIgemmFolds; s > 0; --s) {
    const int64_t fold = int64_t{1} << s;
    if (k.folds[s - 1] != nullptr && fold * columns <= k.lanes && fold <= channels) return fold;
  }
  return 1;
}
// Into tiles of those; `cost` is for a row of B.
IgemmShape fold_shape(const IgemmKernels& kernels, int64_t rows, int64_t columns, int64_t threads);
inline const IgemmFn* fold_tiles(const IgemmKernels& k, int64_t fold) { return k.folds[fold / 4]; }

inline int64_t ceil_div(int64_t n, int64_t by) { return (n + by - 1) / by; }
inline int64_t round_up(int64_t n, int64_t to) { return ceil_div(n, to) * to; }

}  // namespace cycloid::kernels
