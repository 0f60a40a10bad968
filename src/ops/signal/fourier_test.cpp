#include "ops/signal/fourier.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <random>

namespace cycloid {
namespace {

using Complex = Fourier::Complex;

// The definition.
std::vector<Complex> naive(const std::vector<Complex>& x, double sign) {
  const std::size_t n = x.size();
  std::vector<Complex> y(n);
  for (std::size_t k = 0; k < n; ++k) {
    for (std::size_t i = 0; i < n; ++i) {
      const double angle = sign * 2 * std::numbers::pi * static_cast<double>(k * i % n) / static_cast<double>(n);
      y[k] += x[i] * Complex(std::cos(angle), std::sin(angle));
    }
  }
  return y;
}

TEST(Fourier, AgreesWithTheDefinitionForEveryLength) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (std::int64_t n = 1; n <= 70; ++n) {
    const Fourier fourier(n);
    std::vector<Complex> x(static_cast<std::size_t>(n));
    for (Complex& value : x) value = {uniform(random), uniform(random)};
    for (const bool inverse : {false, true}) {
      std::vector<Complex> expected = naive(x, inverse ? 1 : -1);
      if (inverse) {
        for (Complex& value : expected) value /= static_cast<double>(n);
      }
      std::vector<Complex> got = x;
      fourier.transform(got, inverse);
      // The definition's sums of n terms of up to sqrt(2) err by n * n * sqrt(2) * eps at most; Bluestein's three
      // transforms of up to 4 n places by less.
      const double tolerance = std::sqrt(2.0) * static_cast<double>(n * n) * std::numeric_limits<double>::epsilon();
      for (std::size_t k = 0; k < got.size(); ++k) EXPECT_LE(std::abs(got[k] - expected[k]), 4 * tolerance) << n;
    }
  }
}

TEST(Fourier, InverseOfALongPrimeLengthGivesTheSignalBack) {
  const Fourier fourier(10007);
  std::vector<Complex> x(10007);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i % 17);
  std::vector<Complex> y = x;
  fourier.transform(y, false);
  fourier.transform(y, true);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(y[i].real(), x[i].real(), 1e-9);
}

}  // namespace
}  // namespace cycloid
