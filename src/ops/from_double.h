// Results in double as elements of a wide type (ops/elements.h).
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

namespace cycloid {

// What an integer type does not hold (the logarithm of 0, say) is its least value, or 0.
template <class T>
T from_double(double x) {
  if constexpr (std::is_integral_v<T>) {
    constexpr int kBits = std::numeric_limits<T>::digits;
    const bool holds = x >= static_cast<double>(std::numeric_limits<T>::min()) && x < std::ldexp(1.0, kBits);
    return holds ? static_cast<T>(x) : std::numeric_limits<T>::min();
  } else {
    return x;
  }
}

}  // namespace cycloid
