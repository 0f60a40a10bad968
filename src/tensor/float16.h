// The narrow floating-point types as plain bits, and their exact conversions to and from float32.
//
// Conversion from float32 rounds to nearest, ties to even. float8 types follow ONNX's specification
// (docs/docsgen/source/technical/float8.md) with saturation chosen by the caller.
#pragma once

#include <cstdint>
#include <type_traits>

namespace cycloid {

struct Float16 {
  std::uint16_t bits = 0;
  friend bool operator==(Float16, Float16) = default;
};

struct BFloat16 {
  std::uint16_t bits = 0;
  friend bool operator==(BFloat16, BFloat16) = default;
};

float to_float(Float16 x);
float to_float(BFloat16 x);
// Of any element type that is a number, for code written once for all of them.
inline double to_double(Float16 x) { return static_cast<double>(to_float(x)); }
inline double to_double(BFloat16 x) { return static_cast<double>(to_float(x)); }
template <class T>
  requires std::is_arithmetic_v<T>
constexpr double to_double(T x) {
  return static_cast<double>(x);
}
Float16 to_float16(float x);
BFloat16 to_bfloat16(float x);

}  // namespace cycloid
