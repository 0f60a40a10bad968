// Bodies of winograd.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/conv/winograd.h"
#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

// One dimension of the transforms. With the points +-p, the rows of B^T are even and odd polynomials that share terms.
template <int kTile>
struct Winograd;

template <>
struct Winograd<2> {
  static CYCLOID_INLINE void input(const Vec (&x)[4], Vec (&y)[4]) {
    y[0] = x[0] - x[2];
    y[1] = x[1] + x[2];
    y[2] = x[2] - x[1];
    y[3] = x[3] - x[1];
  }
  static CYCLOID_INLINE void output(const Vec (&m)[4], Vec (&y)[2]) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] + m[3];
  }
};

template <>
struct Winograd<4> {
  static constexpr float kA = static_cast<float>(kWinogradA), kB = static_cast<float>(kWinogradB);
  static constexpr float kA2 = 0.5f, kB2 = 2.0f;  // squares
  static constexpr float kA3 = kA * kA2, kB3 = kB * kB2;

  static CYCLOID_INLINE void input(const Vec (&x)[6], Vec (&y)[6]) {
    // x (x^2 - a^2) (x^2 - b^2) without each of its factors; a^2 b^2 = 1.
    const Vec sum = set1(-(kA2 + kB2));
    y[0] = fma(sum, x[2], x[0] + x[4]);
    const Vec even_a = fma(set1(-kB2), x[2], x[4]), odd_a = set1(kA) * fma(set1(-kB2), x[1], x[3]);
    y[1] = even_a + odd_a;
    y[2] = even_a - odd_a;
    const Vec even_b = fma(set1(-kA2), x[2], x[4]), odd_b = set1(kB) * fma(set1(-kA2), x[1], x[3]);
    y[3] = even_b + odd_b;
    y[4] = even_b - odd_b;
    y[5] = fma(sum, x[3], x[1] + x[5]);
  }
  static CYCLOID_INLINE void output(const Vec (&m)[6], Vec (&y)[4]) {
    const Vec sum_a = m[1] + m[2], odd_a = m[1] - m[2], sum_b = m[3] + m[4], odd_b = m[3] - m[4];
    y[0] = m[0] + sum_a + sum_b;
    y[1] = fma(set1(kA), odd_a, set1(kB) * odd_b);
    y[2] = fma(set1(kA2), sum_a, set1(kB2) * sum_b);
    y[3] = fma(set1(kA3), odd_a, fma(set1(kB3), odd_b, m[5]));
  }
};

template <int kTile>
void winograd_input(const WinogradInput& t) {
  constexpr int n = kTile + 2;
  for_each_vector(t.channels, [&]<bool kFull>(int64_t c, Mask mask) {
    Vec rows[n][n];  // [input row][column of the transform]
#pragma GCC unroll 6
    for (int i = 0; i < n; ++i) {
      Vec x[n];
#pragma GCC unroll 6
      for (int j = 0; j < n; ++j) x[j] = load_part<kFull>(t.pixels[i * n + j] + c, mask);
      Winograd<kTile>::input(x, rows[i]);
    }
#pragma GCC unroll 6
    for (int j = 0; j < n; ++j) {
      Vec x[n], y[n];
#pragma GCC unroll 6
      for (int i = 0; i < n; ++i) x[i] = rows[i][j];
      Winograd<kTile>::input(x, y);
#pragma GCC unroll 6
      for (int i = 0; i < n; ++i) store(t.v + (i * n + j) * t.point_stride + c, y[i]);
    }
  });
}

template <int kTile, bool kFull>
CYCLOID_INLINE void winograd_store(const WinogradOutput& t, int64_t row, int64_t pixel, int64_t c, Vec y, Mask mask) {
  if (t.residual != nullptr) {
    y = y + load_part<kFull>(t.residual + row * t.residual_row + pixel * t.residual_stride + c, mask);
  }
  store_part<kFull>(t.out + row * t.out_row + pixel * t.out_stride + c, min(set1(t.hi), max(set1(t.lo), y)), mask);
}

template <int kTile>
void winograd_output(const WinogradOutput& t) {
  constexpr int n = kTile + 2;
  const bool whole = t.rows == kTile && t.pixels == kTile;
  for_each_vector(t.columns, [&]<bool kFull>(int64_t c, Mask mask) {
    Vec rows[n][kTile];  // [row of the products][output pixel]
#pragma GCC unroll 6
    for (int i = 0; i < n; ++i) {
      Vec m[n];
#pragma GCC unroll 6
      for (int j = 0; j < n; ++j) m[j] = load(t.products + (i * n + j) * t.point_stride + c);
      Winograd<kTile>::output(m, rows[i]);
    }
    const Vec bias = load(t.bias + c);
#pragma GCC unroll 4
    for (int pixel = 0; pixel < kTile; ++pixel) {
      Vec m[n], y[kTile];
#pragma GCC unroll 6
      for (int i = 0; i < n; ++i) m[i] = rows[i][pixel];
      Winograd<kTile>::output(m, y);
      if (whole) {
#pragma GCC unroll 4
        for (int row = 0; row < kTile; ++row) winograd_store<kTile, kFull>(t, row, pixel, c, y[row] + bias, mask);
      } else if (pixel < t.pixels) {
#pragma GCC unroll 4
        for (int row = 0; row < kTile; ++row) {
          if (row < t.rows) winograd_store<kTile, kFull>(t, row, pixel, c, y[row] + bias, mask);
        }
      }
    }
  });
}

}  // namespace
}  // namespace cycloid::kernels
