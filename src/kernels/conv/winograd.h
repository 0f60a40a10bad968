// Winograd's minimal filtering F(m x m, 3 x 3): tiles of m x m outputs from n x n inputs, n = m + 2, by n * n products
// per channel pair in place of 9 * m * m (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015).
//
// The transforms are those of Cook and Toom for the interpolation points 0, +-1, infinity (m = 2) and
// 0, +-sqrt(1/2), +-sqrt(2), infinity (m = 4). The usual points 0, +-1, +-2 cost the same but have 3 to 4 times the
// error (64 channels, normal data, max|e| / max|y|: 4.5e-6 against 1.3e-6), as they spread the sizes of the
// coefficients more.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

// The positive finite points of m = 4, in double: sqrt(1/2) and sqrt(2).
inline constexpr double kWinogradA = 0.70710678118654752440, kWinogradB = 1.41421356237309504880;

// V[point] = (B^T d B)[point] for one tile, vectors of channels at a time.
struct WinogradInput {
  const float* const* pixels;  // [n * n]: the first channel of each input pixel, zeros where outside
  int64_t channels;
  float* v;  // point i, channel c at v[i * point_stride + c]; whole vectors are written
  int64_t point_stride;
};

// y = clip(A^T m A + bias + residual) for one tile and a panel of output channels.
struct WinogradOutput {
  const float* products;  // point i, column j at products[i * point_stride + j]
  int64_t point_stride;
  int64_t columns;
  const float* bias;                      // [columns], whole vectors are read
  const float* residual;                  // of the tile's first pixel, or null
  int64_t residual_stride, residual_row;  // from pixel to pixel, from image row to image row
  float* out;
  int64_t out_stride, out_row;
  int64_t rows, pixels;  // of the tile that exist: [1, m]
  float lo, hi;
};

struct WinogradBodies {
  int lanes;
  // [0] for m = 2, [1] for m = 4.
  void (*input[2])(const WinogradInput&);
  void (*output[2])(const WinogradOutput&);
};

extern const WinogradBodies winograd_bodies_scalar;
extern const WinogradBodies winograd_bodies_avx2;
extern const WinogradBodies winograd_bodies_avx512;

}  // namespace cycloid::kernels
