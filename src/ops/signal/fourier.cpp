#include "ops/signal/fourier.h"

#include <bit>
#include <cmath>
#include <numbers>

namespace cycloid {
namespace {

using Complex = Fourier::Complex;

// exp(-2 pi i k / n)
Complex root(std::uint64_t k, std::uint64_t n) {
  const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
  return {std::cos(angle), std::sin(angle)};
}

// Bluestein's convolution of two sequences of n needs 2n - 1 places.
std::uint64_t padded_size(std::int64_t length) {
  const auto n = static_cast<std::uint64_t>(length);
  return std::has_single_bit(n) ? n : std::bit_ceil(2 * n - 1);
}

// Cooley and Tukey's radix-2 transform, in place, of roots.size() elements.
void transform_power_of_two(std::span<Complex> x, const std::vector<Complex>& roots) {
  const std::size_t n = x.size();
  for (std::size_t i = 1, j = 0; i < n; ++i) {  // bit reversal
    std::size_t bit = n >> 1;
    for (; (j & bit) != 0; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(x[i], x[j]);
  }
  for (std::size_t half = 1; half < n; half *= 2) {
    const std::size_t step = n / (2 * half);
    for (std::size_t first = 0; first < n; first += 2 * half) {
      for (std::size_t k = 0; k < half; ++k) {
        const Complex a = x[first + k];
        const Complex b = x[first + k + half] * roots[k * step];
        x[first + k] = a + b;
        x[first + k + half] = a - b;
      }
    }
  }
}

}  // namespace

std::size_t Fourier::bytes(std::int64_t length) {
  return static_cast<std::size_t>(padded_size(length)) * 4 * sizeof(Complex);
}

Fourier::Fourier(std::int64_t length) : length_(length) {
  const std::uint64_t size = padded_size(length);
  for (std::uint64_t k = 0; k < size; ++k) roots_.push_back(root(k, size));
  const auto n = static_cast<std::uint64_t>(length);
  if (size == n) return;
  for (std::uint64_t k = 0; k < n; ++k) chirp_.push_back(root(k * k % (2 * n), 2 * n));
  filter_.assign(size, Complex());
  filter_[0] = std::conj(chirp_[0]);
  for (std::uint64_t k = 1; k < n; ++k) filter_[k] = filter_[size - k] = std::conj(chirp_[k]);
  transform_power_of_two(filter_, roots_);
}

void Fourier::forward(std::span<Complex> x) const {
  if (chirp_.empty()) return transform_power_of_two(x, roots_);
  // Bluestein: k n = (k^2 + n^2 - (k - n)^2) / 2 makes the transform a convolution with a chirp.
  std::vector<Complex> work(filter_.size());
  for (std::size_t k = 0; k < x.size(); ++k) work[k] = x[k] * chirp_[k];
  transform_power_of_two(work, roots_);
  for (std::size_t k = 0; k < work.size(); ++k) work[k] = std::conj(work[k] * filter_[k]);
  transform_power_of_two(work, roots_);
  const auto size = static_cast<double>(work.size());
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = std::conj(work[k]) / size * chirp_[k];
}

void Fourier::transform(std::span<Complex> x, bool inverse) const {
  if (!inverse) return forward(x);
  for (Complex& value : x) value = std::conj(value);
  forward(x);
  for (Complex& value : x) value = std::conj(value) / static_cast<double>(length_);
}

}  // namespace cycloid
