// Elementary functions on vectors. NaN in, NaN out. Errors are the largest seen over every float of the range against
// double precision (simd_math_test), in units in the last place of the result; results below the smallest normal float
// count as zero. Polynomial coefficients are weighted minimax fits (Lawson's iteration) over the ranges named.
#pragma once

#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

template <int kCount>
CYCLOID_INLINE Vec polynomial(Vec x, const float (&c)[kCount]) {  // c[0] + c[1] x + ...
  Vec y = set1(c[kCount - 1]);
#pragma GCC unroll 16
  for (int i = kCount - 2; i >= 0; --i) y = fma(y, x, set1(c[i]));
  return y;
}

// x * 2^n for whole n from -150 to 128: in two factors where there is no instruction for it.
CYCLOID_INLINE Vec scale_by_exponent(Vec x, Vec n) {
#if defined(__AVX512F__)
  return {_mm512_scalef_ps(x.v, n.v)};
#else
  const Vec half = floor(n * set1(0.5f));
  return x * exp2_whole(half) * exp2_whole(n - half);
#endif
}

#if defined(__AVX512F__)

// e^x; 2 ulp. x = n ln 2 + r with n a multiple of 1/16 and |r| <= ln(2)/32, where four terms of the series are within 2^-26.
// 2^n is a power of two times one of 16 numbers, which one instruction picks from a register. ln 2 is split in two so that n
// times its first part is exact.
CYCLOID_INLINE Vec exp(Vec x) {
  const __m512 roots =
      _mm512_setr_ps(1.0f, 1.0442737f, 1.0905077f, 1.1387886f, 1.1892071f, 1.2418578f, 1.2968396f, 1.3542556f,
                     1.4142135f, 1.4768262f, 1.5422108f, 1.6104903f, 1.6817929f, 1.7562522f, 1.8340081f, 1.9152066f);
  x = min(set1(89.0f), max(set1(-104.0f), x));
  // A float of this size has steps of 1/16: the sum is rounded to them, and its last four bits are the sixteenths.
  const Vec shift = set1(1.5f * 0x1p19f), shifted = fma(x, set1(1.44269504f), shift), n = shifted - shift;
  Vec r = fma(n, set1(-0.693359375f), x);
  r = fma(n, set1(2.12194440e-4f), r);
  const Vec series = fma(r, fma(r, fma(r, set1(0.166666667f), set1(0.5f)), set1(1.0f)), set1(1.0f));
  const Vec root = {_mm512_permutexvar_ps(_mm512_castps_si512(shifted.v), roots)};
  return scale_by_exponent(series * root, n);  // by 2^floor(n)
}

#else

// e^x; 2 ulp. x = n ln 2 + r with |r| <= ln(2)/2, and e^r = 1 + r + r^2 p(r). ln 2 is split in two so that n times its
// first part is exact.
CYCLOID_INLINE Vec exp(Vec x) {
  constexpr float kP[] = {0.49999994f, 0.166665211f, 0.041668389f, 0.00836871564f, 0.00138146023f};
  x = min(set1(89.0f), max(set1(-104.0f), x));
  const Vec n = round_even(x * set1(1.44269504f));
  Vec r = fma(n, set1(-0.693359375f), x);
  r = fma(n, set1(2.12194440e-4f), r);
  const Vec y = fma(r * r, polynomial(r, kP), r) + set1(1.0f);
  return scale_by_exponent(y, n);
}

#endif

// e^x - 1 for x <= 0 (elu); absolute error below 2^-23, and relative error below 4 ulp where x > -0.34.
CYCLOID_INLINE Vec expm1_negative(Vec x) {
  constexpr float kP[] = {0.49999994f, 0.166665211f, 0.041668389f, 0.00836871564f, 0.00138146023f};
  return select(less(x, set1(-0.34f)), exp(x) - set1(1.0f), fma(x * x, polynomial(x, kP), x));
}

// 1 / (1 + e^-x); 4 ulp.
CYCLOID_INLINE Vec sigmoid(Vec x) { return set1(1.0f) / (set1(1.0f) + exp(zero() - x)); }

// 3 ulp: y / (y + 2) with y = e^2x - 1, which is 2^n (e^2r - 1) + (2^n - 1) for x = n ln(2)/2 + r. Near 0, n is 0 and nothing
// is lost in y. The polynomial is that of exp() in 2 r. From 10 on it is 1 in float.
CYCLOID_INLINE Vec tanh(Vec x) {
  constexpr float kP[] = {0.49999994f * 4, 0.166665211f * 8, 0.041668389f * 16, 0.00836871564f * 32,
                          0.00138146023f * 64};
  x = min(set1(10.0f), max(set1(-10.0f), x));  // keeps NaN
  const Vec n = round_even(x * set1(2.88539008f));
  const Vec r = fma(n, set1(-0.346573591f), x);
  const Vec part = r * fma(r, polynomial(r, kP), set1(2.0f));
#if defined(__AVX512F__)
  const Vec power = scale_by_exponent(set1(1.0f), n);
#else
  const Vec power = exp2_whole(n);
#endif
  const Vec y = fma(power, part, power - set1(1.0f));
  return y / (y + set1(2.0f));
}

// 3 ulp: odd polynomial below 1; above, 1 - erfc with erfc = e^q(|x|), which is 0 in float beyond 4.
CYCLOID_INLINE Vec erf(Vec x) {
  constexpr float kP[] = {1.12837911f,    -0.37612626f,     0.112835854f,   -0.0268538129f,
                          0.00518832775f, -0.000801019371f, 7.85386146e-05f};
  constexpr float kQ[] = {-0.000244723167f, -1.1274749f,     -0.637517095f,  -0.103640258f,
                          0.0220876075f,    -0.00300852838f, 0.000192425097f};
  const Vec small = x * polynomial(x * x, kP);
  const Vec size = min(set1(4.0f), abs(x));  // keeps NaN
  const Vec big = set1(1.0f) - exp(polynomial(size, kQ));
  return select(less(size, set1(1.0f)), small, copy_sign(big, x));
}

// Natural logarithm of a positive normal x; 2 ulp. x = m 2^e with m in [sqrt(1/2), sqrt(2)); z = (m - 1) / (m + 1) and
// log m = 2 z + z^3 p(z^2).
CYCLOID_INLINE Vec log_positive(Vec x) {
  constexpr float kP[] = {0.666666627f, 0.400003344f, 0.285373092f, 0.235821515f};
  Vec m, e;
  split_exponent(x, m, e);
  const Mask low = less(m, set1(1.41421356f));
  m = select(low, m, m * set1(0.5f));
  e = select(low, e, e + set1(1.0f));
  const Vec z = (m - set1(1.0f)) / (m + set1(1.0f));
  const Vec u = z * z;
  const Vec r = fma(z * u, polynomial(u, kP), z + z);
  return fma(e, set1(0.693359375f), fma(e, set1(-2.12194440e-4f), r));
}

// Natural logarithm: -inf at 0 (and subnormals), NaN below, +inf at +inf.
CYCLOID_INLINE Vec log(Vec x) {
  const Vec infinity = set1(__builtin_inff());
  Vec y = log_positive(x);
  y = select(less(x, set1(1.17549435e-38f)), zero() - infinity, y);
  y = select(less(x, zero()), set1(__builtin_nanf("")), y);
  y = select(less(x, infinity), y, x);  // +inf and NaN
  return y;
}

// x = n pi/2 + r with |r| <= pi/4, and r's sine and cosine. pi/2 is split so that n times its first three parts is exact for
// |n| < 2^13.
struct QuarterTurns {
  Vec n, sin, cos;
};
CYCLOID_INLINE QuarterTurns quarter_turns(Vec x) {
  constexpr float kSin[] = {-0.16666655f, 0.008332178f, -0.000195173f};
  constexpr float kCos[] = {0.041666646f, -0.0013887316f, 2.4433157e-05f};
  const Vec n = round_even(x * set1(0.636619772f));
  Vec r = fma(n, set1(-1.5703125f), x);
  r = fma(n, set1(-0.00048351287841796875f), r);
  r = fma(n, set1(-3.1385570764541626e-07f), r);
  r = fma(n, set1(-6.07710062827671e-11f), r);
  const Vec u = r * r;
  return {n, fma(r * u, polynomial(u, kSin), r), fma(u * u, polynomial(u, kCos), fma(u, set1(-0.5f), set1(1.0f)))};
}
// Whether a lane is too far out for that, or NaN: lanes are then computed one by one, in double.
CYCLOID_INLINE bool has_far_angle(Vec x) {
  return reduce_max(select(less(abs(x), set1(12800.0f)), zero(), set1(1.0f))) != 0;
}

// sin(x) with quarter 0, cos(x) = sin(x + pi/2) with quarter 1; 3 ulp.
CYCLOID_INLINE Vec sine(Vec x, float quarter) {
  if (has_far_angle(x)) {
    float lanes[kLanes];
    store(lanes, x);
    for (int i = 0; i < kLanes; ++i) {
      const double lane = static_cast<double>(lanes[i]);
      lanes[i] = static_cast<float>(quarter == 0 ? __builtin_sin(lane) : __builtin_cos(lane));
    }
    return load(lanes);
  }
  const auto [n, sin, cos] = quarter_turns(x);
  const Vec turns = n + set1(quarter), half = floor(turns * set1(0.5f));
  const Vec odd = turns - (half + half), whole = floor(half * set1(0.5f));
  const Vec y = select(less(odd, set1(0.5f)), sin, cos);
  return select(less(half - (whole + whole), set1(0.5f)), y, zero() - y);
}

}  // namespace
}  // namespace cycloid::kernels
