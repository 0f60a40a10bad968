// The rotation of the rotary embedding (Su et al., RoFormer, 2021), which several operators share.
#pragma once

#include <cstdint>

namespace cycloid {

// Turns `half` pairs of a head's elements, in place, by the angles whose cosines and sines are given: the pairs are
// (2 i, 2 i + 1) where interleaved, else (i, half + i).
inline void rotate_pairs(double* element, std::int64_t half, bool interleaved, const double* cosines,
                         const double* sines) {
  for (std::int64_t i = 0; i < half; ++i) {
    double& first = element[interleaved ? 2 * i : i];
    double& second = element[interleaved ? 2 * i + 1 : half + i];
    const double real = cosines[i] * first - sines[i] * second;
    second = sines[i] * first + cosines[i] * second;
    first = real;
  }
}

}  // namespace cycloid
