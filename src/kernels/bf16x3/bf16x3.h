// Products of float32 matrices on a processor's tiles of bfloat16 (AMX).
//
// A float32 is the sum of 3 bfloat16 of 8 bits each, exactly, and a product of two is 9 products of these, of which the 6
// largest make all but 2^-22 of it. Tiles add them up in float32, at 16 times the pace of vectors: 6 products take 3/8 of the
// time of the one, and sums err as sums of float32 products do. See Henry, Tang and Heinecke, "Leveraging the bfloat16
// Artificial Intelligence Datatype For Higher-Precision Computations" (2019).
//
// Infinities have no parts: a sum that meets one is NaN, where Bf16x3Results stop, for the caller to add it up anew. Subnormal
// numbers count as zero.
#pragma once

#include <stdint.h>

#include "kernels/igemm/igemm.h"

namespace cycloid::kernels {

inline constexpr int64_t kBf16x3Parts = 3;     // of a float
inline constexpr int64_t kBf16x3Tile = 16;     // rows, or columns, of a tile
inline constexpr int64_t kBf16x3Block = 32;    // elements of the sum in a tile
inline constexpr int64_t kBf16x3Granule = 16;  // what a tap's channels are rounded up to
inline constexpr int64_t kBf16x3TileBytes = 1024;
inline constexpr int64_t kBf16x3Line = 64;                // bytes of a tile's row
inline constexpr int64_t kBf16x3Panel = 2 * kBf16x3Tile;  // columns of a panel, and rows of a pass

// The time of a product of float32, beside that of vectors: 6 products at 16 times the pace.
inline constexpr double kBf16x3Work = 6.0 / 16;

// What the sums to come need of A, in an order in which it can be made: pixels, then pieces of rows. A float's parts lie apart:
// n floats are [block of 32][part][32].
//   Pixels: `floats` floats at pixels[i].from (null: zeros) to pixels[i].to, zeros up to a whole granule.
//   Rows: row r at to + r * row_bytes. Where there are no offsets, from `floats` floats at rows[r] (null: zeros); otherwise from
//   pixels: tap t's is at rows[r] + offsets[t]. Zeros up to a whole block.
struct Bf16x3Pixel {
  const float* from;
  char* to;
};
struct Bf16x3Make {
  const Bf16x3Pixel* pixels;
  const void* const* rows;
  int64_t pixel_count, row_count;
  int64_t floats, granules;
  const int64_t* offsets;  // bytes, or null
  int64_t taps, blocks, row_bytes;
  // Of a row: blocks, kBf16x3Piece at a time, or taps, or, where these have half blocks, a block at a time.
  int64_t pieces;
  char* to;
  int64_t done;        // pixels and pieces made so far
  int64_t row, piece;  // the next piece
};

inline constexpr int64_t kBf16x3Piece = 2;

// Rows [done, rows) of what a sum left in c[32][32], with what follows it (IgemmTile's bias, residual, activation, c and columns):
// stored by finish(), or during another sum. It stops before a row with a NaN in it, unless that is `checked`.
struct Bf16x3Results {
  const float* c;
  IgemmTile tile;
  int64_t done, rows, checked;
};

// c[32][32] = A B. A: [32 rows][block][part][32]; B: [block][part][tile of 16 columns][16 pairs of k][16 columns][2].
// Products of tiles leave vectors their time, as long as these have little to do between two of them. So meanwhile they store
// `last`, make what is missing of `make` up to make_until, and bring `fetch_lines` cache lines from `fetch` on to L2. `last` and
// `make` may be null.
struct Bf16x3Sum {
  const char* a;
  int64_t a_row;  // bytes from row to row
  const char* b;
  int64_t blocks;
  float* c;
  Bf16x3Results* last;
  Bf16x3Make* make;
  int64_t make_until;
  const char* fetch;
  int64_t fetch_lines;
};

struct Bf16x3Bodies {
  // Around calls of sum, on each thread: the tiles are set up and given back.
  void (*enter)();
  void (*leave)();
  void (*make)(Bf16x3Make&, int64_t until);
  void (*sum[2][2])(const Bf16x3Sum&);  // [tiles of rows - 1][tiles of columns - 1]
  void (*finish)(Bf16x3Results&);
};

extern const Bf16x3Bodies bf16x3_bodies_avx512amx;

// Null where the processor has no such tiles, or the system does not let this process use them. Linux is asked once.
const Bf16x3Bodies* bf16x3_bodies();

}  // namespace cycloid::kernels
