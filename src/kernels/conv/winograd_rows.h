// Winograd's minimal filtering for few channels (conv_winograd_rows.cpp), a row of points at a time. winograd.h explains the
// method; what differs:
//
// - The products of a row of points are transformed back along x in the registers that summed them. Sums over few channels are
//   short: stored as they are, n * n products for m * m outputs take longer to store and load again than to compute.
// - So a row has as many points as there are registers for, 7, and all tiles are of one size. Along y, where products lie in
//   memory, there are 6 or 8.
// - Inputs are transformed along y first, in vectors of neighbouring pixels, so that the input may be channels-first.
//
// The points are
//
//   6: 0, +-sqrt(1/2), +-sqrt(2), infinity      7: 0, +-1/2, +-1, 2, infinity      8: 0, +-1/2, +-1, +-2, infinity
//
// With 12 channels, 4 taps and normal data max|e| / max|y| is 1.7e-6 for 6 x 7 points and 4.0e-6 for 8 x 7; of other sets for 8,
// such as 1.75 for 2 or 7/8 for 1, none was better. The fewer taps, the more outputs, and the larger the error: with 3 taps 2.0e-6
// and 5.4e-6, so there are 8 points for 4 taps alone; with 2 taps, which no kernel here has, 2.9e-6 and 7.9e-6.
#pragma once

#include <stdint.h>

#include "kernels/conv/winograd.h"

namespace cycloid::kernels {

inline constexpr int64_t kWinogradRowPoints = 7;
inline constexpr int64_t kWinogradColumnPoints[] = {6, 8};
inline constexpr int64_t kWinogradRowsMinTaps = 3, kWinogradRowsMaxTaps = 4;

// +-pair(n, i) for i < winograd_pairs(n) are points of the set of n; one of an odd number is alone.
inline constexpr double kWinogradSingle = 2;
constexpr int64_t winograd_pairs(int64_t n) { return (n - 2) / 2; }
constexpr double winograd_pair(int64_t n, int64_t i) {
  if (n == 6) return i == 0 ? kWinogradA : kWinogradB;
  return i == 0 ? 0.5 : i == 1 ? 1 : 2;
}
// Finite point i of the n - 1: 0, the pairs, the single one.
constexpr double winograd_point(int64_t n, int64_t i) {
  if (i == 0) return 0;
  if (i > 2 * winograd_pairs(n)) return kWinogradSingle;
  return i % 2 == 1 ? winograd_pair(n, (i - 1) / 2) : -winograd_pair(n, (i - 1) / 2);
}

// B^T d along y: result i at out + i * row_stride, for `count` floats of as many input rows as there are points.
struct WinogradDown {
  const float* rows[8];
  int64_t count;
  float* out;
  int64_t row_stride;
};

// Lays what belongs to one position of a row side by side: of `lines` lines of `run` interleaved channels (1 when channels-first)
// and `phases` phases (as many pixels are between positions), out[(line * run + c) * phases + phase].
struct WinogradAlign {
  const float* lines;
  int64_t line_stride, count, run, phases;
  int64_t positions;
  float* out;
  int64_t out_stride;
};

// B^T d along x for `tiles` tiles, `blocks` vectors of channels each: point j of block b of a tile at v + b * points * lanes +
// j * lanes.
struct WinogradAcross {
  const float* in;  // the tile's first position
  int64_t position_stride, in_tile;
  int64_t tiles, blocks;
  float* v;
  int64_t v_tile;
};

// For one row of points: sums over channels of v times weights, for each point along x, and A^T of them.
struct WinogradProducts {
  const float* v;
  int64_t v_tile;
  const float* weights;  // for each channel [points][width]
  int64_t channels;
  bool pairs;     // every second channel lacks the last point
  int64_t tiles;  // a multiple of what the body takes at a time
  float* z;       // of a tile: [outputs][width]
  // Not null: the first pixel of an output row that comes for writing while the sums run.
  const float* out;
  int64_t out_stride;
};

struct WinogradRowsBodies {
  int lanes;
  int vectors;         // of a panel; the last may have fewer
  int group_tiles[2];  // taken at a time by the body for 1 or 2 vectors
  void (*align)(const WinogradAlign&);
  void (*across)(const WinogradAcross&);
  void (*down[2])(const WinogradDown&);  // by kWinogradColumnPoints
  // By taps - kWinogradRowsMinTaps.
  void (*products[2][2])(const WinogradProducts&);  // then by vectors - 1
  // Then by kWinogradColumnPoints; null for 3 taps and 8 points. Of WinogradOutput, the products are those after the transform along x: pixel x of row i at
  // products + i * row_stride + x * point_stride; there may be any number of pixels.
  void (*output[2][2])(const WinogradOutput&);
};

extern const WinogradRowsBodies winograd_rows_bodies_scalar;
extern const WinogradRowsBodies winograd_rows_bodies_avx2;
extern const WinogradRowsBodies winograd_rows_bodies_avx512;

}  // namespace cycloid::kernels
