// The 8-bit and 4-bit floating-point types as plain bits, one element a byte, and their conversions.
//
// Every value of these types is a float32, so reading is exact. Writing rounds to nearest, ties to even; what is beyond
// the largest finite value becomes that value where `saturate`, else an infinity, or NaN where the type has none.
// Sources: docs/docsgen/source/technical/{float8,float4}.md of onnx; OCP Microscaling Formats v1.0 for E8M0.
#pragma once

#include <cstdint>

#include "cycloid/dtype.h"

namespace cycloid {

// `dtype` is kFloat8E4M3FN, kFloat8E4M3FNUZ, kFloat8E5M2, kFloat8E5M2FNUZ, kFloat8E8M0 or kFloat4E2M1 (a bug otherwise).
float float8_to_float(DType dtype, std::uint8_t bits);

// How a magnitude between two powers of two becomes a kFloat8E8M0.
enum class PowerRounding { kNearest, kUp, kDown };

std::uint8_t float_to_float8(DType dtype, float x, bool saturate = true, PowerRounding rounding = PowerRounding::kUp);

bool is_float8(DType dtype);  // one of the above

}  // namespace cycloid
