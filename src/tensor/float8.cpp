#include "tensor/float8.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace cycloid {
namespace {

// A sign, exponent and mantissa format.
struct Format {
  int mantissa_bits;
  int exponent_bits;
  int bias;
  std::uint8_t largest;        // the bits of the largest finite value
  std::uint8_t nan;            // 0: has none
  std::uint8_t infinity;       // 0: has none
  bool unsigned_zero = false;  // "UZ": no negative zero, whose bits are the only NaN
};

const Format& format_of(DType dtype) {
  static constexpr Format kE4M3FN{3, 4, 7, 0x7E, 0x7F, 0, false};
  static constexpr Format kE4M3FNUZ{3, 4, 8, 0x7F, 0x80, 0, true};
  static constexpr Format kE5M2{2, 5, 15, 0x7B, 0x7F, 0x7C, false};
  static constexpr Format kE5M2FNUZ{2, 5, 16, 0x7F, 0x80, 0, true};
  static constexpr Format kE2M1{1, 2, 1, 0x07, 0, 0, false};
  switch (dtype) {
    case DType::kFloat8E4M3FN: return kE4M3FN;
    case DType::kFloat8E4M3FNUZ: return kE4M3FNUZ;
    case DType::kFloat8E5M2: return kE5M2;
    case DType::kFloat8E5M2FNUZ: return kE5M2FNUZ;
    default: CYCLOID_CHECK(dtype == DType::kFloat4E2M1); return kE2M1;
  }
}

float magnitude_of(const Format& format, int bits) {
  const int mantissa = bits & ((1 << format.mantissa_bits) - 1);
  const int exponent = bits >> format.mantissa_bits;
  if (exponent == 0) return std::ldexp(static_cast<float>(mantissa), 1 - format.bias - format.mantissa_bits);
  return std::ldexp(static_cast<float>(mantissa + (1 << format.mantissa_bits)),
                    exponent - format.bias - format.mantissa_bits);
}

// 2^(bits - 127); 255 is NaN.
float e8m0_to_float(std::uint8_t bits) {
  return bits == 255 ? std::numeric_limits<float>::quiet_NaN() : std::ldexp(1.0F, bits - 127);
}

// Signs are dropped; the smallest value stands for 0, which the format has not.
std::uint8_t float_to_e8m0(float x, bool saturate, PowerRounding rounding) {
  if (std::isnan(x)) return 255;
  if (std::isinf(x)) return saturate ? 254 : 255;
  if (x == 0) return 0;
  int exponent = 0;
  const float fraction = std::frexp(std::fabs(x), &exponent);  // in [0.5, 1)
  int power = exponent - 1;
  const bool up =
      rounding == PowerRounding::kUp ? fraction > 0.5F : rounding == PowerRounding::kNearest && fraction >= 0.75F;
  if (up) ++power;
  if (power < -127) return 0;
  if (power > 127) return saturate ? 254 : 255;
  return static_cast<std::uint8_t>(power + 127);
}

}  // namespace

bool is_float8(DType dtype) {
  switch (dtype) {
    case DType::kFloat8E4M3FN:
    case DType::kFloat8E4M3FNUZ:
    case DType::kFloat8E5M2:
    case DType::kFloat8E5M2FNUZ:
    case DType::kFloat8E8M0:
    case DType::kFloat4E2M1: return true;
    default: return false;
  }
}

float float8_to_float(DType dtype, std::uint8_t bits) {
  if (dtype == DType::kFloat8E8M0) return e8m0_to_float(bits);
  const Format& format = format_of(dtype);
  const int sign_bit = 1 << (format.mantissa_bits + format.exponent_bits);
  const bool negative = (bits & sign_bit) != 0;
  const int magnitude = bits & (sign_bit - 1);
  const bool is_nan = format.unsigned_zero
                          ? bits == format.nan
                          : format.nan != 0 && magnitude > (format.infinity != 0 ? format.infinity : format.largest);
  if (is_nan) return std::numeric_limits<float>::quiet_NaN();
  const float value = format.infinity != 0 && magnitude == format.infinity ? std::numeric_limits<float>::infinity()
                                                                           : magnitude_of(format, magnitude);
  return negative ? -value : value;
}

std::uint8_t float_to_float8(DType dtype, float x, bool saturate, PowerRounding rounding) {
  if (dtype == DType::kFloat8E8M0) return float_to_e8m0(x, saturate, rounding);
  const Format& format = format_of(dtype);
  const int sign_bit = 1 << (format.mantissa_bits + format.exponent_bits);
  const auto signed_bits = [&](int magnitude) {
    const bool negative = std::signbit(x) && !(format.unsigned_zero && magnitude == 0);
    return static_cast<std::uint8_t>(negative ? magnitude | sign_bit : magnitude);
  };
  if (std::isnan(x)) {
    if (format.nan == 0)
      return static_cast<std::uint8_t>(sign_bit);  // float4 has none: -0, as ml_dtypes and ONNX's tests have it
    return format.unsigned_zero ? format.nan : signed_bits(format.nan);
  }
  const auto overflow = [&] {
    if (saturate || format.nan == 0) return signed_bits(format.largest);
    if (format.infinity != 0) return signed_bits(format.infinity);
    return format.unsigned_zero ? format.nan : signed_bits(format.nan);
  };
  if (std::isinf(x)) return overflow();
  // Round to a multiple of the unit in the last place, which below the normal range is that of the smallest exponent.
  int exponent = 0;
  std::frexp(x, &exponent);
  exponent = std::max(exponent - 1, 1 - format.bias);
  const float units = std::nearbyint(std::ldexp(std::fabs(x), format.mantissa_bits - exponent));
  auto mantissa = static_cast<int>(units);  // up to 2^(mantissa_bits + 1), which carries into the exponent below
  int biased = exponent + format.bias;
  if (mantissa < (1 << format.mantissa_bits)) {
    biased = 0;  // subnormal
  } else {
    mantissa -= 1 << format.mantissa_bits;
  }
  const int bits = (biased << format.mantissa_bits) + mantissa;
  if (bits > format.largest) return overflow();
  return signed_bits(bits);
}

}  // namespace cycloid
