// Trigonometric and hyperbolic functions on vectors and their inverses, as simd_math.h has the others: NaN in, NaN out, and NaN
// outside of a function's domain. Errors are at most 5 units in the last place of the result (elementwise_test).
#pragma once

#include "kernels/simd_math.h"

namespace cycloid::kernels {
namespace {

// sin(x) / cos(x).
CYCLOID_INLINE Vec tangent(Vec x) {
  if (has_far_angle(x)) {
    float lanes[kLanes];
    store(lanes, x);
    for (int i = 0; i < kLanes; ++i) lanes[i] = static_cast<float>(__builtin_tan(static_cast<double>(lanes[i])));
    return load(lanes);
  }
  const auto [n, sin, cos] = quarter_turns(x);
  const Vec half = floor(n * set1(0.5f)), odd = n - (half + half);
  const Mask even = less(odd, set1(0.5f));
  return select(even, sin, zero() - cos) / select(even, cos, sin);
}

constexpr float kHalfPi = 1.57079637f, kHalfPiRest = -4.37113883e-08f;  // pi / 2 in two parts

// Beyond 1 by atan(x) = pi/2 - atan(1/x). The polynomial is x + x^3 p(x^2).
CYCLOID_INLINE Vec arctangent(Vec x) {
  constexpr float kP[] = {-0.333331674f, 0.199941367f,  -0.142142087f,  0.106789395f,
                          -0.075805761f, 0.0435535163f, -0.0165811684f, 0.00297458656f};
  const Vec size = abs(x);
  const Mask large = less(set1(1.0f), size);
  const Vec t = select(large, set1(1.0f) / size, size), u = t * t;
  const Vec y = fma(t * u, polynomial(u, kP), t);
  return copy_sign(select(large, (set1(kHalfPi) - y) + set1(kHalfPiRest), y), x);
}

// asin of a number from 0 to 1/2 that is given with its square.
CYCLOID_INLINE Vec arcsine_small(Vec t, Vec u) {
  constexpr float kP[] = {0.166667536f, 0.0749524161f, 0.0454770997f, 0.0241476018f, 0.0422185659f};
  return fma(t * u, polynomial(u, kP), t);
}

// Beyond 1/2 by asin(x) = pi/2 - 2 asin(sqrt((1 - x) / 2)).
CYCLOID_INLINE Vec arcsine(Vec x) {
  const Vec size = abs(x);
  const Mask large = less(set1(0.5f), size);
  const Vec u = select(large, (set1(1.0f) - size) * set1(0.5f), size * size);
  const Vec y = arcsine_small(select(large, sqrt(u), size), u);
  return copy_sign(select(large, (set1(kHalfPi) - (y + y)) + set1(kHalfPiRest), y), x);
}

CYCLOID_INLINE Vec arccosine(Vec x) {
  const Vec size = abs(x);
  const Mask large = less(set1(0.5f), size);
  const Vec u = select(large, (set1(1.0f) - size) * set1(0.5f), size * size);
  const Vec y = arcsine_small(select(large, sqrt(u), size), u), twice = y + y;
  const Vec outer = select(less(x, zero()), (set1(2 * kHalfPi) - twice) + set1(2 * kHalfPiRest), twice);
  return select(large, outer, (set1(kHalfPi) - copy_sign(y, x)) + set1(kHalfPiRest));
}

// Half of e^x in two factors, so that it overflows no earlier than the result: (e^(x/2) / 2) e^(x/2).
CYCLOID_INLINE Vec hyperbolic_sine(Vec x) {
  constexpr float kP[] = {0.166666672f, 0.00833335053f, 0.000198360663f, 2.81743951e-06f};
  const Vec size = abs(x), root = exp(size * set1(0.5f)), u = size * size;
  const Vec big = fma(root * set1(0.5f), root, zero() - set1(0.5f) / root / root);
  const Vec small = fma(size * u, polynomial(u, kP), size);
  return copy_sign(select(less(size, set1(1.0f)), small, big), x);
}

CYCLOID_INLINE Vec hyperbolic_cosine(Vec x) {
  const Vec root = exp(abs(x) * set1(0.5f));
  return fma(root * set1(0.5f), root, set1(0.5f) / root / root);
}

// log(1 + x) for x >= 0: what the sum loses is x - ((1 + x) - 1), and the logarithm's slope there is 1 / (1 + x).
CYCLOID_INLINE Vec log_of_one_more(Vec x) {
  const Vec sum = set1(1.0f) + x, lost = x - (sum - set1(1.0f));
  return select(less(x, set1(__builtin_inff())), log_positive(sum) + lost / sum, x);
}

constexpr float kLog2 = 0.693147182f;

// log(x + sqrt(x^2 + 1)), as the logarithm of 1 and a rest; where squares would overflow, of 2 x.
CYCLOID_INLINE Vec inverse_hyperbolic_sine(Vec x) {
  const Vec size = abs(x), u = size * size;
  const Vec near = log_of_one_more(size + u / (set1(1.0f) + sqrt(set1(1.0f) + u)));
  return copy_sign(select(less(size, set1(1e6f)), near, log(size) + set1(kLog2)), x);
}

// log(x + sqrt(x^2 - 1)), the same way by x - 1.
CYCLOID_INLINE Vec inverse_hyperbolic_cosine(Vec x) {
  const Vec t = x - set1(1.0f);
  const Vec near = log_of_one_more(t + sqrt(t * (t + set1(2.0f))));
  const Vec y = select(less(x, set1(1e6f)), near, log(x) + set1(kLog2));
  return select(less(x, set1(1.0f)), set1(__builtin_nanf("")), y);
}

// log((1 + x) / (1 - x)) / 2
CYCLOID_INLINE Vec inverse_hyperbolic_tangent(Vec x) {
  const Vec size = abs(x);
  const Vec y = set1(0.5f) * log_of_one_more((size + size) / (set1(1.0f) - size));
  return copy_sign(select(less(set1(1.0f), size), set1(__builtin_nanf("")), y), x);
}

}  // namespace
}  // namespace cycloid::kernels
