// The discrete Fourier transform of any length, in double, in O(n log n).
#pragma once

#include <complex>
#include <cstdint>
#include <span>
#include <vector>

namespace cycloid {

class Fourier {
 public:
  using Complex = std::complex<double>;

  // Of sequences of `length` elements, 1 or more.
  explicit Fourier(std::int64_t length);

  std::int64_t length() const { return length_; }
  // The bytes that a transform of this length works on, to be checked before making one.
  static std::size_t bytes(std::int64_t length);

  // y[k] = sum over n of x[n] exp(-2 pi i k n / length), in place; with `inverse` the sign is the other one, and the
  // result is divided by the length.
  void transform(std::span<Complex> x, bool inverse) const;

 private:
  void forward(std::span<Complex> x) const;

  std::int64_t length_;
  std::vector<Complex> roots_;   // exp(-2 pi i k / size) of the power of two that is transformed
  std::vector<Complex> chirp_;   // Bluestein: exp(-pi i k^2 / length); empty where the length is a power of two
  std::vector<Complex> filter_;  // the transform of the chirp's conjugate
};

}  // namespace cycloid
