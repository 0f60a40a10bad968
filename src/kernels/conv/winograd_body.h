// Bodies of winograd.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/conv/winograd_store_body.h"

namespace cycloid::kernels {
namespace {

constexpr float kA = static_cast<float>(kWinogradA), kB = static_cast<float>(kWinogradB);

// One dimension of B^T: row i is the product of (x - p) over the other finite points p of the n, times that over the finite
// points that n leaves out, of (p_i - p). Rows of +-p are even and odd polynomials that share terms; a^2 = 1/2, b^2 = 2,
// a b = 1.
template <int n>
CYCLOID_INLINE void winograd_input_1d(const Vec (&x)[n], Vec (&y)[n]) {
  if constexpr (n == 4) {
    const Vec even = set1(-1.5f) * x[2], odd = set1(1.5f * kA) * x[1];
    y[0] = fma(set1(-2.0f), x[2], x[0]);
    y[1] = even - odd;
    y[2] = even + odd;
    y[3] = fma(set1(-0.5f), x[1], x[3]);
  } else if constexpr (n == 5) {
    const Vec t = fma(set1(-0.5f), x[1], x[3]);
    const Vec bt = set1(kB) * t, even = set1(-1.5f) * x[2];
    y[0] = fma(set1(-2.0f), x[2], x[0]) + bt;
    y[1] = fma(set1(kB + kA), x[3] - x[1], even);
    y[2] = fma(set1(kB - kA), x[3] + x[1], even);
    y[3] = fma(set1(-0.5f), x[2], x[4]) - bt;
    y[4] = bt + bt;
  } else {
    const Vec sum = set1(-2.5f);  // -(a^2 + b^2)
    y[0] = fma(sum, x[2], x[0] + x[4]);
    const Vec even_a = fma(set1(-2.0f), x[2], x[4]), odd_a = set1(kA) * fma(set1(-2.0f), x[1], x[3]);
    y[1] = even_a + odd_a;
    y[2] = even_a - odd_a;
    y[3] = fma(sum, x[3], x[1] + x[5]);
    const Vec even_b = fma(set1(-0.5f), x[2], x[4]), odd_b = set1(kB) * fma(set1(-0.5f), x[1], x[3]);
    y[4] = even_b + odd_b;
    y[5] = even_b - odd_b;
  }
}

// Powers of a and b.
constexpr float kPowersA[] = {1, kA, 0.5f, 0.5f * kA, 0.25f}, kPowersB[] = {1, kB, 2, 2 * kB, 4};

// One dimension of A^T: y[k] = sum over finite points of p^k m, and m of infinity in the last one.
template <int n, int m>
CYCLOID_INLINE void winograd_output_1d(const Vec (&x)[n], Vec (&y)[m]) {
  const Vec even_a = x[1] + x[2], odd_a = x[1] - x[2];
  Vec even_b = even_a, odd_b = odd_a;
  if constexpr (n == 5) even_b = odd_b = x[4];
  if constexpr (n == 6) even_b = x[4] + x[5], odd_b = x[4] - x[5];
#pragma GCC unroll 5
  for (int k = 0; k < m; ++k) {
    const Vec a = k % 2 == 0 ? even_a : odd_a, b = k % 2 == 0 ? even_b : odd_b;
    if (k == 0) {
      y[k] = x[0] + a;
      if constexpr (n > 4) y[k] = y[k] + b;
      if constexpr (m == 1) y[k] = y[k] + x[3];
    } else if (k + 1 == m) {
      y[k] = fma(set1(kPowersA[k]), a, x[3]);
      if constexpr (n > 4) y[k] = fma(set1(kPowersB[k]), b, y[k]);
    } else {
      y[k] = set1(kPowersA[k]) * a;
      if constexpr (n > 4) y[k] = fma(set1(kPowersB[k]), b, y[k]);
    }
  }
}

// Of the 8 points of lines: squares of a, b and c, and x^2 to the powers 2, 1 and 0 in (x^2 - s) (x^2 - t).
constexpr double kSquareA = kWinogradLine[0] * kWinogradLine[0], kSquareB = kWinogradLine[1] * kWinogradLine[1],
                 kSquareC = kWinogradLine[2] * kWinogradLine[2];

// Rows p and -p of B^T: x (x + p) (x^2 - s) (x^2 - t) and the one of -p.
CYCLOID_INLINE void winograd_line_pair(const Vec (&x)[8], double p, double s, double t, Vec& plus, Vec& minus) {
  const Vec sum = set1(static_cast<float>(-(s + t))), product = set1(static_cast<float>(s * t));
  const Vec even = fma(product, x[2], fma(sum, x[4], x[6]));
  const Vec odd = set1(static_cast<float>(p)) * fma(product, x[1], fma(sum, x[3], x[5]));
  plus = even + odd;
  minus = even - odd;
}

template <>
[[maybe_unused]] CYCLOID_INLINE void winograd_input_1d<8>(const Vec (&x)[8], Vec (&y)[8]) {
  // (x^2 - a^2) (x^2 - b^2) (x^2 - c^2)
  const Vec fourth = set1(static_cast<float>(-(kSquareA + kSquareB + kSquareC)));
  const Vec second = set1(static_cast<float>(kSquareA * kSquareB + kSquareA * kSquareC + kSquareB * kSquareC));
  const Vec zeroth = set1(static_cast<float>(-kSquareA * kSquareB * kSquareC));
  y[0] = fma(zeroth, x[0], fma(second, x[2], fma(fourth, x[4], x[6])));
  y[3] = fma(zeroth, x[1], fma(second, x[3], fma(fourth, x[5], x[7])));
  winograd_line_pair(x, kWinogradLine[0], kSquareB, kSquareC, y[1], y[2]);
  winograd_line_pair(x, kWinogradLine[1], kSquareA, kSquareC, y[4], y[5]);
  winograd_line_pair(x, kWinogradLine[2], kSquareA, kSquareB, y[6], y[7]);
}

// A^T of the 8 points.
template <int m>
CYCLOID_INLINE void winograd_line_output(const Vec (&x)[8], Vec (&y)[m]) {
  constexpr double a = kWinogradLine[0], b = kWinogradLine[1], c = kWinogradLine[2];
  constexpr double kPowers[3][7] = {{1, a, a * a, a * a * a, a * a * a * a, a * a * a * a * a, a * a * a * a * a * a},
                                    {1, b, b * b, b * b * b, b * b * b * b, b * b * b * b * b, b * b * b * b * b * b},
                                    {1, c, c * c, c * c * c, c * c * c * c, c * c * c * c * c, c * c * c * c * c * c}};
  const Vec even[] = {x[1] + x[2], x[4] + x[5], x[6] + x[7]}, odd[] = {x[1] - x[2], x[4] - x[5], x[6] - x[7]};
#pragma GCC unroll 7
  for (int k = 0; k < m; ++k) {
    Vec sum = k + 1 == m ? x[kWinogradInfinity] : zero();
    if (k == 0) sum = sum + x[0];
#pragma GCC unroll 3
    for (int i = 0; i < 3; ++i) sum = fma(set1(static_cast<float>(kPowers[i][k])), k % 2 == 0 ? even[i] : odd[i], sum);
    y[k] = sum;
  }
}

[[maybe_unused]] void winograd_gather(const WinogradGather& t) {
  const int64_t pair = 2 * t.channels;
  // Places whose two columns are both inside.
  const int64_t begin = t.left >= 0 ? 0 : min_of(t.columns, (1 - t.left) / 2);
  const int64_t end = max_of(begin, min_of(t.columns, (t.in_w - t.left) / 2));
  for (int64_t i = 0; i < t.rows; ++i) {
    for (int64_t a = 0; a < 2; ++a) {
      const int64_t y = t.top + 2 * i + a;
      const bool inside = y >= 0 && y < t.in_h;
      const float* row = t.image + (y * t.in_w + t.left) * t.channels;
      float* out = t.out + i * t.columns * t.out_stride + a * pair;
      for (int64_t j = 0; j < t.columns; ++j, out += t.out_stride) {
        if (inside && j >= begin && j < end) {
          for_each_vector(pair, [&]<bool kFull>(int64_t c, Mask mask) {
            store_part<kFull>(out + c, load_part<kFull>(row + j * pair + c, mask), mask);
          });
          continue;
        }
        for (int64_t b = 0; b < 2; ++b) {
          const int64_t x = t.left + 2 * j + b;
          const bool there = inside && x >= 0 && x < t.in_w;
          for (int64_t c = 0; c < t.channels; ++c)
            out[b * t.channels + c] = there ? row[(2 * j + b) * t.channels + c] : 0.0f;
        }
      }
    }
  }
}

// B^T d B of the vectors that pixel(i, j) gives, stored from v on.
template <int kRows, int kColumns, class Pixel>
CYCLOID_INLINE void winograd_transform_input(float* v, int64_t row_stride, int64_t point_stride, Pixel pixel) {
  Vec rows[kRows][kColumns];  // [input row][column of the transform]
#pragma GCC unroll 6
  for (int i = 0; i < kRows; ++i) {
    Vec x[kColumns];
#pragma GCC unroll 6
    for (int j = 0; j < kColumns; ++j) x[j] = pixel(i, j);
    winograd_input_1d<kColumns>(x, rows[i]);
  }
#pragma GCC unroll 6
  for (int j = 0; j < kColumns; ++j) {
    Vec x[kRows], y[kRows];
#pragma GCC unroll 6
    for (int i = 0; i < kRows; ++i) x[i] = rows[i][j];
    winograd_input_1d<kRows>(x, y);
#pragma GCC unroll 6
    for (int i = 0; i < kRows; ++i) store(v + i * row_stride + j * point_stride, y[i]);
  }
}

template <int kRows, int kColumns>
void winograd_input(const WinogradInput& t) {
  for_each_vector(t.channels, [&]<bool kFull>(int64_t c, Mask mask) {
    winograd_transform_input<kRows, kColumns>(t.v + c, t.row_stride, t.point_stride, [&](int i, int j) {
      return load_part<kFull>(t.pixels[i * kColumns + j] + c, mask);
    });
  });
}

template <int kRows, int kColumns>
void winograd_input_pairs(const WinogradPairs& t) {
  const int64_t pair = 2 * t.channels;
  // The second row's pixels are loaded into the lanes that follow the first one's; masked lanes are not touched.
  const Mask first_row = first(pair), second_row = without(first(2 * pair), first_row);
  const int64_t second = t.row_step / 2 - pair;
  winograd_transform_input<kRows, kColumns>(t.v, t.row_stride, t.point_stride, [&](int i, int j) {
    const float* p = t.first + i * t.row_step + j * pair;
    return load(p, first_row) + load(p + second, second_row);
  });
}

template <int kTaps, int kRows, int kColumns, bool kPlain, bool kFull>
CYCLOID_INLINE void winograd_output_vector(const WinogradOutput& t, int64_t c, Mask mask) {
  constexpr int kHeight = kRows - kTaps + 1, kWidth = kColumns - kTaps + 1;
  Vec rows[kRows][kWidth];  // [row of the products][output pixel]
#pragma GCC unroll 6
  for (int i = 0; i < kRows; ++i) {
    Vec x[kColumns];
#pragma GCC unroll 6
    for (int j = 0; j < kColumns; ++j) x[j] = load(t.products + i * t.row_stride + j * t.point_stride + c);
    winograd_output_1d<kColumns, kWidth>(x, rows[i]);
  }
  const Vec bias = load(t.bias + c);
#pragma GCC unroll 5
  for (int pixel = 0; pixel < kWidth; ++pixel) {
    Vec x[kRows], y[kHeight];
#pragma GCC unroll 6
    for (int i = 0; i < kRows; ++i) x[i] = rows[i][pixel];
    winograd_output_1d<kRows, kHeight>(x, y);
    if (pixel >= t.pixels) continue;
#pragma GCC unroll 5
    for (int row = 0; row < kHeight; ++row) {
      if (row < t.rows) winograd_store<kPlain, kFull>(t, row, pixel, c, y[row] + bias, mask);
    }
  }
}

template <int kTaps, int kRows, int kColumns, bool kPlain>
CYCLOID_INLINE void winograd_output_vectors(const WinogradOutput& t) {
  int64_t c = 0;
  for (; c + kLanes <= t.columns; c += kLanes)
    winograd_output_vector<kTaps, kRows, kColumns, kPlain, true>(t, c, first(kLanes));
  if (c < t.columns) winograd_output_vector<kTaps, kRows, kColumns, kPlain, false>(t, c, first(t.columns - c));
}

template <int kTaps, int kRows, int kColumns>
void winograd_output(const WinogradOutput& from) {
  WinogradOutput t = from;  // of which the compiler knows that stores leave it alone
  const bool plain = t.residual == nullptr && t.activation == nullptr;
  if (plain && t.rows == kRows - kTaps + 1 && t.pixels == kColumns - kTaps + 1) {
    t.rows = kRows - kTaps + 1;  // known when compiled
    t.pixels = kColumns - kTaps + 1;
    winograd_output_vectors<kTaps, kRows, kColumns, true>(t);
  } else {
    winograd_output_vectors<kTaps, kRows, kColumns, false>(t);
  }
}

template <int n>
void winograd_input_line(const WinogradInput& t) {
  for_each_vector(t.channels, [&]<bool kFull>(int64_t c, Mask mask) {
    Vec x[n], y[n];
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) x[i] = load_part<kFull>(t.pixels[i] + c, mask);
    winograd_input_1d<n>(x, y);
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) store(t.v + i * t.point_stride + c, y[i]);
  });
}

template <int kTaps, int n>
void winograd_output_line(const WinogradOutput& t) {
  constexpr int m = n - kTaps + 1;
  for_each_vector(t.columns, [&]<bool kFull>(int64_t c, Mask mask) {
    Vec x[n], y[m];
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) x[i] = load(t.products + i * t.point_stride + c);
    if constexpr (n == 8) {
      winograd_line_output<m>(x, y);
    } else {
      winograd_output_1d<n, m>(x, y);
    }
    const Vec bias = load(t.bias + c);
#pragma GCC unroll 7
    for (int pixel = 0; pixel < m; ++pixel) {
      if (pixel < t.pixels) winograd_store<false, kFull>(t, 0, pixel, c, y[pixel] + bias, mask);
    }
  });
}

constexpr WinogradBodies make_winograd_bodies() {
  return {
      kLanes,
      winograd_gather,
      {{winograd_input<4, 4>, winograd_input<4, 5>, winograd_input<4, 6>},
       {winograd_input<5, 4>, winograd_input<5, 5>, winograd_input<5, 6>},
       {winograd_input<6, 4>, winograd_input<6, 5>, winograd_input<6, 6>}},
      {{winograd_input_pairs<4, 4>, winograd_input_pairs<4, 5>, winograd_input_pairs<4, 6>},
       {winograd_input_pairs<5, 4>, winograd_input_pairs<5, 5>, winograd_input_pairs<5, 6>},
       {winograd_input_pairs<6, 4>, winograd_input_pairs<6, 5>, winograd_input_pairs<6, 6>}},
      {{{winograd_output<2, 4, 4>, winograd_output<2, 4, 5>, winograd_output<2, 4, 6>},
        {winograd_output<2, 5, 4>, winograd_output<2, 5, 5>, winograd_output<2, 5, 6>},
        {winograd_output<2, 6, 4>, winograd_output<2, 6, 5>, winograd_output<2, 6, 6>}},
       {{winograd_output<3, 4, 4>, winograd_output<3, 4, 5>, winograd_output<3, 4, 6>},
        {winograd_output<3, 5, 4>, winograd_output<3, 5, 5>, winograd_output<3, 5, 6>},
        {winograd_output<3, 6, 4>, winograd_output<3, 6, 5>, winograd_output<3, 6, 6>}},
       {{winograd_output<4, 4, 4>, winograd_output<4, 4, 5>, winograd_output<4, 4, 6>},
        {winograd_output<4, 5, 4>, winograd_output<4, 5, 5>, winograd_output<4, 5, 6>},
        {winograd_output<4, 6, 4>, winograd_output<4, 6, 5>, winograd_output<4, 6, 6>}}},
      {winograd_input_line<4>, winograd_input_line<5>, winograd_input_line<6>, winograd_input_line<8>},
      {{winograd_output_line<2, 4>, winograd_output_line<2, 5>, winograd_output_line<2, 6>, winograd_output_line<2, 8>},
       {winograd_output_line<3, 4>, winograd_output_line<3, 5>, winograd_output_line<3, 6>, winograd_output_line<3, 8>},
       {winograd_output_line<4, 4>, winograd_output_line<4, 5>, winograd_output_line<4, 6>, winograd_output_line<4, 8>},
       {nullptr, winograd_output_line<5, 5>, winograd_output_line<5, 6>, winograd_output_line<5, 8>},
       {nullptr, nullptr, winograd_output_line<6, 6>, winograd_output_line<6, 8>},
       {nullptr, nullptr, nullptr, winograd_output_line<7, 8>}}};
}

}  // namespace
}  // namespace cycloid::kernels
