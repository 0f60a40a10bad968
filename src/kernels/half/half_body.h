// Bodies of bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/half/bodies.h"
#include "kernels/simd.h"

// Every processor with AVX2 has F16C, which is older; the flag is the compiler's to know (base/cpu.cpp checks it).
#if defined(__AVX512F__) || !defined(__AVX2__)
#define CYCLOID_F16C
#else
#define CYCLOID_F16C __attribute__((target("avx2,fma,f16c")))
#endif

namespace cycloid::kernels {
namespace {

CYCLOID_INLINE float from_bits(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, sizeof(x));
  return x;
}
CYCLOID_INLINE uint32_t to_bits(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof(x));
  return bits;
}

// The exponent is moved by a multiplication, exact for subnormal numbers too; 2^112 is the difference of the biases.
CYCLOID_INLINE float widen_one(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16, rest = half & 0x7fffu;
  if (rest >= 0x7c00u)
    return from_bits(sign | 0x7f800000u | ((rest & 0x3ffu) << 13) | (rest > 0x7c00u ? 0x400000u : 0));
  if (rest < 0x400u) {  // subnormal or 0: as a float32 subnormal it could be flushed, so it is counted
    return from_bits(sign | to_bits(static_cast<float>(rest) * 0x1p-24f));
  }
  return from_bits(sign | ((rest << 13) + (112u << 23)));
}

CYCLOID_INLINE uint16_t narrow_one(float x) {
  const uint32_t bits = to_bits(x), sign = bits >> 16 & 0x8000u, rest = bits & 0x7fffffffu;
  if (rest > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u | (rest >> 13 & 0x1ffu));
  if (rest >= 0x47800000u) return static_cast<uint16_t>(sign | 0x7c00u);  // from 2^16 on
  if (rest < 0x38800000u) {                                               // below 2^-14: counted in steps of 2^-24
    const float steps = __builtin_nearbyintf(from_bits(rest) * 0x1p24f);
    return static_cast<uint16_t>(sign | static_cast<uint32_t>(steps));
  }
  const uint32_t even = rest >> 13 & 1u;
  return static_cast<uint16_t>(sign | ((rest - (112u << 23) + 0xfffu + even) >> 13));
}

CYCLOID_INLINE uint16_t narrow_bfloat16_one(float x) {
  const uint32_t bits = to_bits(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

CYCLOID_F16C void widen_float16(const uint16_t* x, float* y, int64_t count) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= count; i += 16)
    _mm512_storeu_ps(y + i, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i))));
#elif defined(__AVX2__)
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i))));
#endif
  for (; i < count; ++i) y[i] = widen_one(x[i]);
}

CYCLOID_F16C void narrow_float16(const float* x, uint16_t* y, int64_t count) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= count; i += 16) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + i),
                        _mm512_cvtps_ph(_mm512_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
#elif defined(__AVX2__)
  for (; i + 8 <= count; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
  }
#endif
  for (; i < count; ++i) y[i] = narrow_one(x[i]);
}

// Plain loops of whole-word arithmetic: the compiler's vectors are as good as any.
void widen_bfloat16(const uint16_t* x, float* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) y[i] = from_bits(static_cast<uint32_t>(x[i]) << 16);
}

void narrow_bfloat16(const float* x, uint16_t* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) y[i] = narrow_bfloat16_one(x[i]);
}

}  // namespace
}  // namespace cycloid::kernels
