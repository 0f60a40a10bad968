// Winograd's minimal filtering F(m x m, r x r): tiles of m x m outputs from n x n inputs, n = m + r - 1, by n * n
// products per channel pair in place of r * r * m * m (Lavin and Gray, "Fast Algorithms for Convolutional Neural
// Networks", 2015).
//
// The transforms are those of Cook and Toom for the interpolation points
//
//   0, a, -a, infinity, b, -b      a = sqrt(1/2), b = sqrt(2)
//
// of which the first n are used: n is 4, 5 or 6. The usual points 0, +-1, +-2 cost the same but have 3 to 4 times the
// error at n = 6 (64 channels, normal data, max|e| / max|y|: 4.5e-6 against 1.3e-6), as they spread the sizes of the
// coefficients more.
//
// The sets are nested, and a point's row of G is the same in all of them (the factor that n changes is on the side of
// the input): so tiles of several sizes, even of different n in the two dimensions, share one set of transformed
// weights, and a row of 7 outputs is cut into 4 + 3 without waste.
//
// Kernels of one row or column have one-dimensional tiles F(m, r). Their error grows with n along one axis alone, so n may also
// be 8, with points that are each other's inverses:
//
//   0, a, -a, infinity, b, -b, c, -c      a = 3/5, b = 1, c = 5/3
//
// (64 channels, normal data, 5 taps: 1.1e-6, where sqrt(1/2), sqrt(2), 1 have 2.0e-6 and n = 6 has 5.6e-7).
#pragma once

#include <stdint.h>

#include "kernels/activation.h"

namespace cycloid::kernels {

// a and b in double.
inline constexpr double kWinogradA = 0.70710678118654752440, kWinogradB = 1.41421356237309504880;
inline constexpr int64_t kWinogradMinPoints = 4, kWinogradMaxPoints = 6;
inline constexpr int64_t kWinogradInfinity = 3;  // which point it is
// a, b and c of the 8 points.
inline constexpr double kWinogradLine[] = {0.6, 1, 1 / 0.6};
inline constexpr int64_t kWinogradLinePoints = 8;

// V[point] = (B^T d B)[point] for one tile, vectors of channels at a time.
struct WinogradInput {
  const float* const* pixels;  // [points_y * points_x]: the first channel of each input pixel, zeros where outside
  int64_t channels;
  float* v;  // point (i, j), channel c at v[i * row_stride + j * point_stride + c]; whole vectors are written
  int64_t point_stride, row_stride;
};

// The same for the 4 phases of few channels side by side in one vector (4 channels <= lanes), where the tile lies inside the
// image: place (i, j) has the 2 x 2 pixels that begin at first + i * row_step + j * 2 * channels.
struct WinogradPairs {
  const float* first;
  int64_t channels;
  int64_t row_step;  // floats between two rows of places: twice the image's row
  float* v;
  int64_t point_stride, row_stride;
};

// y = clip(A^T m A + bias + residual) for one tile and a panel of output channels.
struct WinogradOutput {
  const float* products;  // point (i, j), column c at products[i * row_stride + j * point_stride + c]
  int64_t point_stride, row_stride;
  int64_t columns;
  const float* bias;                      // [columns], whole vectors are read
  const float* residual;                  // of the tile's first pixel, or null
  int64_t residual_stride, residual_row;  // from pixel to pixel, from image row to image row
  float* out;
  int64_t out_stride, out_row;
  int64_t rows, pixels;          // of the tile that exist: [1, m] of its dimension
  float lo, hi;                  // the result is clipped to [lo, hi]
  const Activation* activation;  // another that is in_registers(), or null
  const float* slope;            // PRelu's, of the first column
  bool residual_last;            // added after the activation
};

// Lays the 2 x 2 pixels of each of points_y * points_x places of a tile (2 apart in the input) side by side, zeros where
// outside: phase (a, b), channel c of place (i, j) to out[(i * columns + j) * out_stride + (2 a + b) * channels + c].
struct WinogradGather {
  const float* image;  // dense channels-last
  int64_t in_h, in_w, channels;
  int64_t top, left;      // of place (0, 0), phase (0, 0); may lie outside
  int64_t rows, columns;  // places
  float* out;
  int64_t out_stride;
};

inline constexpr int kWinogradSizes = kWinogradMaxPoints - kWinogradMinPoints + 1;
inline constexpr int kWinogradMinTaps = 2, kWinogradMaxTaps = 4;
// Of tiles in one dimension: 4, 5, 6 or 8 points.
inline constexpr int kWinogradLineSizes = kWinogradSizes + 1, kWinogradLineMaxTaps = 7;
constexpr int winograd_line_size(int64_t points) {
  return points == kWinogradLinePoints ? kWinogradSizes : static_cast<int>(points - kWinogradMinPoints);
}

struct WinogradBodies {
  int lanes;
  void (*gather)(const WinogradGather&);
  // By points - kWinogradMinPoints of the rows, then of the columns.
  void (*input[kWinogradSizes][kWinogradSizes])(const WinogradInput&);
  void (*input_pairs[kWinogradSizes][kWinogradSizes])(const WinogradPairs&);
  // By taps - kWinogradMinTaps, then as above.
  void (*output[kWinogradMaxTaps - kWinogradMinTaps + 1][kWinogradSizes][kWinogradSizes])(const WinogradOutput&);
  // In one dimension, by winograd_line_size(); pixel i, point i and output i are one pointer, point_stride and out_stride apart,
  // and the rows are not read. Null where there are fewer points than taps.
  void (*input_line[kWinogradLineSizes])(const WinogradInput&);
  void (*output_line[kWinogradLineMaxTaps - kWinogradMinTaps + 1][kWinogradLineSizes])(const WinogradOutput&);
};

extern const WinogradBodies winograd_bodies_scalar;
extern const WinogradBodies winograd_bodies_avx2;
extern const WinogradBodies winograd_bodies_avx512;

}  // namespace cycloid::kernels
