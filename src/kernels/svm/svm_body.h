// Bodies of bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/simd_double.h"
#include "kernels/svm/bodies.h"

namespace cycloid::kernels {
namespace {

// Four rows by two vectors: eight sums are as many as hide the latency of the additions, and fit 16 registers with what they
// are made from.
constexpr int kRows = 4, kVectors = 2;
constexpr int64_t kPanel = kVectors * kDoubles;

template <bool kDistances, int kCount>
CYCLOID_INLINE void sums_of_tile(const double* x, int64_t columns, const double* panel, double* y, int64_t y_stride) {
  Double sums[kCount][kVectors] = {};
  for (int64_t c = 0; c < columns; ++c, panel += kPanel) {
#pragma GCC unroll 4
    for (int r = 0; r < kCount; ++r) {
      const Double feature = all(x[r * columns + c]);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        const Double of = load(panel + v * kDoubles);
        const Double factor = kDistances ? feature - of : of;
        sums[r][v] += kDistances ? factor * factor : feature * factor;
      }
    }
  }
  for (int r = 0; r < kCount; ++r) {
    for (int v = 0; v < kVectors; ++v) store(y + r * y_stride + v * kDoubles, sums[r][v]);
  }
}

// x^n for whole n of at least 1, by squaring.
CYCLOID_INLINE Double whole_power(Double x, int64_t n) {
  Double y = all(1.0);
  for (;; x *= x) {
    if ((n & 1) != 0) y *= x;
    n >>= 1;
    if (n == 0) return y;
  }
}

// The values of a row from its sums, in place.
template <SvmFunction kFunction>
CYCLOID_INLINE void values_of_row(const SvmArgs& a, double* y, int64_t count) {
  if constexpr (kFunction == SvmFunction::kPoly) {
    constexpr int64_t kMostWhole = 64;
    const bool whole =
        a.degree >= 1 && a.degree <= kMostWhole && a.degree == static_cast<double>(static_cast<int64_t>(a.degree));
    const auto degree = whole ? static_cast<int64_t>(a.degree) : 0;
    for (int64_t i = 0; i < count; i += kDoubles) {
      const Double base = a.gamma * load(y + i) + a.coef0;
      store(y + i, whole ? whole_power(base, degree) : base);
    }
    if (whole) return;
    for (int64_t i = 0; i < count; ++i) y[i] = __builtin_pow(y[i], a.degree);
  } else if constexpr (kFunction == SvmFunction::kRbf) {
    for (int64_t i = 0; i < count; i += kDoubles) store(y + i, exp(-a.gamma * load(y + i)));
  } else if constexpr (kFunction == SvmFunction::kSigmoid) {
    for (int64_t i = 0; i < count; i += kDoubles) store(y + i, tanh(a.gamma * load(y + i) + a.coef0));
  }
}

template <SvmFunction kFunction>
void values(const SvmArgs& a) {
  constexpr bool kDistances = kFunction == SvmFunction::kRbf;
  const int64_t width = a.panels * kPanel;
  for (int64_t p = 0; p < a.panels; ++p) {
    const double* panel = a.packed + p * a.columns * kPanel;
    int64_t r = 0;
    for (; r + kRows <= a.rows; r += kRows)
      sums_of_tile<kDistances, kRows>(a.x + r * a.columns, a.columns, panel, a.y + r * width + p * kPanel, width);
    for (; r < a.rows; ++r)
      sums_of_tile<kDistances, 1>(a.x + r * a.columns, a.columns, panel, a.y + r * width + p * kPanel, width);
  }
  for (int64_t r = 0; r < a.rows; ++r) values_of_row<kFunction>(a, a.y + r * width, width);
}

double sum(const double* a, const double* b, int64_t count) {
  Double parts[2] = {};
  int64_t i = 0;
  for (; i + kPanel <= count; i += kPanel) {
    parts[0] += load(a + i) * load(b + i);
    parts[1] += load(a + i + kDoubles) * load(b + i + kDoubles);
  }
  parts[0] += parts[1];
  double result = 0;
  for (int k = 0; k < kDoubles; ++k) result += parts[0][k];
  for (; i < count; ++i) result += a[i] * b[i];
  return result;
}

constexpr SvmBodies kSvmBodies = {kPanel,
                                  {values<SvmFunction::kLinear>, values<SvmFunction::kPoly>, values<SvmFunction::kRbf>,
                                   values<SvmFunction::kSigmoid>},
                                  sum};

}  // namespace
}  // namespace cycloid::kernels
