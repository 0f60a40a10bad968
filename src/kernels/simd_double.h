// Elementary functions on vectors of float64, as wide as those of simd.h. NaN in, NaN out. Errors are in units in the last place,
// against long double (elements_test); results below the smallest normal number count as zero.
#pragma once

#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

typedef double Double __attribute__((vector_size(kLanes * 4)));
typedef uint64_t Bits __attribute__((vector_size(kLanes * 4)));
constexpr int kDoubles = kLanes / 2;

CYCLOID_INLINE Double load(const double* p) {
  Double x;
  __builtin_memcpy(&x, p, sizeof(x));
  return x;
}
CYCLOID_INLINE void store(double* p, Double x) { __builtin_memcpy(p, &x, sizeof(x)); }
CYCLOID_INLINE Bits bits_of(Double x) { return reinterpret_cast<Bits>(x); }
CYCLOID_INLINE Double double_of(Bits x) { return reinterpret_cast<Double>(x); }
CYCLOID_INLINE Double all(double x) { return x - Double{}; }
CYCLOID_INLINE Double absolute(Double x) { return double_of(bits_of(x) & ~(uint64_t{1} << 63)); }
CYCLOID_INLINE Double with_sign_of(Double x, Double sign) {
  return double_of(bits_of(x) | (bits_of(sign) & (uint64_t{1} << 63)));
}

// A number of this size has steps of 1: adding it rounds to whole numbers, whose low bits are then those of the sum.
constexpr double kShift = 0x1.8p52;

// 2^n for whole n in [-1022, 1023].
CYCLOID_INLINE Double power_of_two(Double n) { return double_of((bits_of(n + kShift) + 1023) << 52); }

// x * 2^n, in two factors: n may be beyond the exponents of normal numbers.
CYCLOID_INLINE Double scaled(Double x, Double n) {
  const Double half = (n * 0.5 + kShift) - kShift;
  return x * power_of_two(half) * power_of_two(n - half);
}

// (e^r - 1 - r) / r^2: the series up to r^13, whose next term is below 2^-57 where |r| <= ln(2)/2.
CYCLOID_INLINE Double exp_series(Double r) {
  constexpr double kInverse[] = {1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
                                 1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                                 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
  Double y = all(kInverse[11]);
#pragma GCC unroll 16
  for (int i = 10; i >= 0; --i) y = y * r + kInverse[i];
  return y;
}

// x = n ln 2 + r with n whole and |r| <= ln(2)/2. ln 2 is split in two so that n times its first part is exact.
CYCLOID_INLINE Double reduce_by_ln2(Double x, Double& n) {
  n = (x * 0x1.71547652b82fep0 + kShift) - kShift;
  return (x - n * 0x1.62e42fee00000p-1) - n * 0x1.a39ef35793c76p-33;
}

// 2 ulp.
CYCLOID_INLINE Double exp(Double x) {
  x = x < -746.0 ? all(-746.0) : x;
  x = x > 710.0 ? all(710.0) : x;
  Double n;
  const Double r = reduce_by_ln2(x, n);
  return scaled((exp_series(r) * r * r + r) + 1.0, n);
}

// y / (y + 2) with y = e^2|x| - 1, which is 2^n (e^r - 1) + (2^n - 1): near 0, n is 0 and nothing is lost. 3 ulp. From 20 on it is
// 1.
CYCLOID_INLINE Double tanh(Double x) {
  Double size = absolute(x);
  size = size > 20.0 ? all(20.0) : size;
  Double n;
  const Double r = reduce_by_ln2(size + size, n);
  const Double scale = power_of_two(n);
  const Double y = scale * (exp_series(r) * r * r + r) + (scale - 1.0);
  return with_sign_of(y / (y + 2.0), x);
}

// 4 ulp.
CYCLOID_INLINE Double sigmoid(Double x) { return 1.0 / (1.0 + exp(-x)); }

// x = m 2^e with m in [sqrt(1/2), sqrt(2)), and log m = 2 atanh s for s = (m - 1) / (m + 1): the series up to s^21, whose next term
// is below 2^-57 where |s| <= 0.172. 2 ulp.
CYCLOID_INLINE Double log(Double x) {
  const auto tiny = x < 0x1p-1022;  // steps of 2^-1074 below the normal numbers
  const Double normal = tiny ? x * 0x1p54 : x;
  const Bits bits = bits_of(normal);
  // A whole number below 2^52 behind the bits of 2^52 is their sum.
  Double e = double_of((bits >> 52) | bits_of(all(0x1p52))) - (0x1p52 + 1023);
  e = tiny ? e - 54.0 : e;
  Double m = double_of((bits & ((uint64_t{1} << 52) - 1)) | bits_of(all(1.0)));
  const auto upper = m > 0x1.6a09e667f3bcdp0;
  m = upper ? m * 0.5 : m;
  e = upper ? e + 1.0 : e;
  const Double f = m - 1.0, s = f / (m + 1.0), square = s * s;
  Double series = all(2.0 / 21);
#pragma GCC unroll 16
  for (int k = 19; k >= 3; k -= 2) series = series * square + 2.0 / k;
  // 2 s = f - s f, of which f is exact.
  const Double rest = s * (square * series - f);
  Double y = e * 0x1.62e42fee00000p-1 + (f + (rest + e * 0x1.a39ef35793c76p-33));
  y = x == __builtin_inf() ? x : y;
  y = x == 0.0 ? all(-__builtin_inf()) : y;
  return x >= 0.0 ? y : all(__builtin_nan(""));
}

// Below it an angle has fewer than 2^20 quarter turns, whose products with numbers of 33 bits are exact.
constexpr double kMostAngle = 0x1p20;

// a - b, and what rounding took from it: their sum is exact (Knuth's TwoSum).
CYCLOID_INLINE Double difference(Double a, Double b, Double& rest) {
  const Double d = a - b, back = d - a;
  rest = (a - (d - back)) - (b + back);
  return d;
}

// sin(x + quarter pi/2) for |x| < kMostAngle and a quarter of 0 or 1. x = n pi/2 + r + e with |r| <= pi/4: pi/2 in three parts of 33
// bits, and the rest to 152, so that an x next to n pi/2 loses nothing. Series up to r^17 and r^16, whose next terms are
// below 2^-56 of the result. 1 ulp.
CYCLOID_INLINE Double sine(Double x, double quarter) {
  const Double n = (x * 0x1.45f306dc9c883p-1 + kShift) - kShift;
  Double first, second;
  Double r = difference(x - n * 0x1.921fb544p0, n * 0x1.0b4611a6p-34, first);
  r = difference(r, n * 0x1.3198a2e0p-69, second);
  const Double e = (first + second) - n * 0x1.b839a252049c1p-104;
  const Double sum = r + e, low = e - (sum - r);
  const Double square = sum * sum;
  constexpr double kSine[] = {-1.0 / 6,        1.0 / 120,        -1.0 / 5040,          1.0 / 362880,
                              -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1307674368000, 1.0 / 355687428096000};
  constexpr double kCosine[] = {1.0 / 24,        -1.0 / 720,         1.0 / 40320,          -1.0 / 3628800,
                                1.0 / 479001600, -1.0 / 87178291200, 1.0 / 20922789888000, -1.0 / 6402373705728000};
  Double s = all(kSine[7]), c = all(kCosine[7]);
#pragma GCC unroll 8
  for (int i = 6; i >= 0; --i) {
    s = s * square + kSine[i];
    c = c * square + kCosine[i];
  }
  const Double half = square * 0.5, one = all(1.0), above = one - half;
  const Double sine_of = sum + (sum * square * s + low * above);
  // 1 - r^2 / 2 is rounded: what that took comes back with the small terms.
  const Double cosine_of = above + (((one - above) - half) + (square * square * c - sum * low));
  // The low bits of n + kShift are those of n.
  const Bits turns = bits_of(n + quarter + kShift);
  const Double y = (turns & 1) != 0 ? cosine_of : sine_of;
  return double_of(bits_of(y) ^ (turns & 2) << 62);
}

// y = f(x) of a row, the last elements in a vector of their own.
template <class F>
CYCLOID_INLINE void for_each_double(const double* x, double* y, int64_t columns, F f) {
  int64_t j = 0;
  for (; j + kDoubles <= columns; j += kDoubles) store(y + j, f(load(x + j)));
  if (j == columns) return;
  double part[kDoubles] = {};
  __builtin_memcpy(part, x + j, static_cast<size_t>(columns - j) * sizeof(double));
  store(part, f(load(part)));
  __builtin_memcpy(y + j, part, static_cast<size_t>(columns - j) * sizeof(double));
}

}  // namespace
}  // namespace cycloid::kernels
