// The thin SIMD layer: one vector type `Vec` of kLanes floats per instruction set, chosen by the flags that the
// including translation unit is compiled with (files named *_avx2.cpp and *_avx512.cpp; see CycloidLayers.cmake).
//
// Only ISA translation units include this and the *_body.h files. Everything is in an unnamed namespace, and these
// files include no standard header with inline functions: the linker must never pick an AVX-512 copy of a shared inline
// function for a program that runs on an older processor.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define CYCLOID_INLINE inline __attribute__((always_inline))

namespace cycloid::kernels {
namespace {

#if defined(__AVX512F__)

#define CYCLOID_ISA_NAME avx512

struct Vec {
  __m512 v;
};
struct Mask {
  __mmask16 m;
};
constexpr int kLanes = 16;
constexpr int kVectorRegisters = 32;

CYCLOID_INLINE Vec zero() { return {_mm512_setzero_ps()}; }
CYCLOID_INLINE Vec set1(float x) { return {_mm512_set1_ps(x)}; }
CYCLOID_INLINE Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
CYCLOID_INLINE void store(float* p, Vec x) { _mm512_storeu_ps(p, x.v); }
// The first n lanes; n in [0, kLanes]. Lanes not loaded are zero and their memory is not touched.
CYCLOID_INLINE Mask first(int64_t n) { return {static_cast<__mmask16>((1u << n) - 1)}; }
// Of two masks: the lanes of `a` that are not in `b`.
CYCLOID_INLINE Mask without(Mask a, Mask b) { return {static_cast<__mmask16>(a.m & ~b.m)}; }
CYCLOID_INLINE Vec load(const float* p, Mask m) { return {_mm512_maskz_loadu_ps(m.m, p)}; }
CYCLOID_INLINE void store(float* p, Vec x, Mask m) { _mm512_mask_storeu_ps(p, m.m, x.v); }
CYCLOID_INLINE Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
CYCLOID_INLINE Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
CYCLOID_INLINE Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
CYCLOID_INLINE Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
CYCLOID_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// max and min return `b` where either is NaN, so max(bound, x) keeps a NaN in x.
CYCLOID_INLINE Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
CYCLOID_INLINE Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
CYCLOID_INLINE Vec sqrt(Vec a) { return {_mm512_sqrt_ps(a.v)}; }
CYCLOID_INLINE Vec abs(Vec a) { return {_mm512_abs_ps(a.v)}; }
CYCLOID_INLINE Vec floor(Vec a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)}; }
CYCLOID_INLINE Vec ceil(Vec a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC)}; }
CYCLOID_INLINE Vec round_even(Vec a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
CYCLOID_INLINE Mask less(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
CYCLOID_INLINE Mask is_nan(Vec a) { return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)}; }
// yes where m, else no.
CYCLOID_INLINE Vec select(Mask m, Vec yes, Vec no) { return {_mm512_mask_blend_ps(m.m, no.v, yes.v)}; }
// x with the sign bit of `sign`.
CYCLOID_INLINE Vec copy_sign(Vec x, Vec sign) {
  const __m512 bit = _mm512_set1_ps(-0.0f);
  return {_mm512_or_ps(_mm512_andnot_ps(bit, x.v), _mm512_and_ps(bit, sign.v))};
}
// 2^n for whole n in [-126, 127].
CYCLOID_INLINE Vec exp2_whole(Vec n) {
  return {
      _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127)), 23))};
}
// For positive normal x: the exponent e and m in [1, 2) with x = m * 2^e.
CYCLOID_INLINE void split_exponent(Vec x, Vec& m, Vec& e) {
  const __m512i bits = _mm512_castps_si512(x.v);
  e.v = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_srli_epi32(bits, 23), _mm512_set1_epi32(127)));
  m.v = _mm512_castsi512_ps(
      _mm512_or_si512(_mm512_and_si512(bits, _mm512_set1_epi32(0x7fffff)), _mm512_set1_epi32(0x3f800000)));
}
CYCLOID_INLINE float reduce_add(Vec a) { return _mm512_reduce_add_ps(a.v); }
CYCLOID_INLINE float reduce_max(Vec a) { return _mm512_reduce_max_ps(a.v); }
CYCLOID_INLINE float reduce_min(Vec a) { return _mm512_reduce_min_ps(a.v); }

#elif defined(__AVX2__)

#define CYCLOID_ISA_NAME avx2

struct Vec {
  __m256 v;
};
struct Mask {
  __m256 m;
};
constexpr int kLanes = 8;
constexpr int kVectorRegisters = 16;

CYCLOID_INLINE Vec zero() { return {_mm256_setzero_ps()}; }
CYCLOID_INLINE Vec set1(float x) { return {_mm256_set1_ps(x)}; }
CYCLOID_INLINE Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
CYCLOID_INLINE void store(float* p, Vec x) { _mm256_storeu_ps(p, x.v); }
CYCLOID_INLINE Mask first(int64_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane))};
}
CYCLOID_INLINE Mask without(Mask a, Mask b) { return {_mm256_andnot_ps(b.m, a.m)}; }
CYCLOID_INLINE Vec load(const float* p, Mask m) { return {_mm256_maskload_ps(p, _mm256_castps_si256(m.m))}; }
CYCLOID_INLINE void store(float* p, Vec x, Mask m) { _mm256_maskstore_ps(p, _mm256_castps_si256(m.m), x.v); }
CYCLOID_INLINE Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
CYCLOID_INLINE Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
CYCLOID_INLINE Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
CYCLOID_INLINE Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
CYCLOID_INLINE Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
CYCLOID_INLINE Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
CYCLOID_INLINE Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
CYCLOID_INLINE Vec sqrt(Vec a) { return {_mm256_sqrt_ps(a.v)}; }
CYCLOID_INLINE Vec abs(Vec a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
CYCLOID_INLINE Vec floor(Vec a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)}; }
CYCLOID_INLINE Vec ceil(Vec a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC)}; }
CYCLOID_INLINE Vec round_even(Vec a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
CYCLOID_INLINE Mask less(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
CYCLOID_INLINE Mask is_nan(Vec a) { return {_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q)}; }
CYCLOID_INLINE Vec select(Mask m, Vec yes, Vec no) { return {_mm256_blendv_ps(no.v, yes.v, m.m)}; }
CYCLOID_INLINE Vec copy_sign(Vec x, Vec sign) {
  const __m256 bit = _mm256_set1_ps(-0.0f);
  return {_mm256_or_ps(_mm256_andnot_ps(bit, x.v), _mm256_and_ps(bit, sign.v))};
}
CYCLOID_INLINE Vec exp2_whole(Vec n) {
  return {
      _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127)), 23))};
}
CYCLOID_INLINE void split_exponent(Vec x, Vec& m, Vec& e) {
  const __m256i bits = _mm256_castps_si256(x.v);
  e.v = _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(127)));
  m.v = _mm256_castsi256_ps(
      _mm256_or_si256(_mm256_and_si256(bits, _mm256_set1_epi32(0x7fffff)), _mm256_set1_epi32(0x3f800000)));
}
CYCLOID_INLINE float reduce_add(Vec a) {
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
CYCLOID_INLINE float reduce_max(Vec a) {
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
CYCLOID_INLINE float reduce_min(Vec a) {
  __m128 x = _mm_min_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  x = _mm_min_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_min_ss(x, _mm_movehdup_ps(x)));
}

#else

#define CYCLOID_ISA_NAME scalar

// Plain C++ for any processor; the compiler's vector extension lets it use whatever the base target has.
typedef float Float4 __attribute__((vector_size(16)));
typedef int32_t Int4 __attribute__((vector_size(16)));
struct Vec {
  Float4 v;
};
struct Mask {
  Int4 m;  // all bits set where true
};
constexpr int kLanes = 4;
constexpr int kVectorRegisters = 16;

CYCLOID_INLINE Vec set1(float x) { return {Float4{x, x, x, x}}; }
CYCLOID_INLINE Vec zero() { return set1(0.0f); }
CYCLOID_INLINE Vec load(const float* p) {
  Vec x;
  __builtin_memcpy(&x.v, p, sizeof(x.v));
  return x;
}
CYCLOID_INLINE void store(float* p, Vec x) { __builtin_memcpy(p, &x.v, sizeof(x.v)); }
CYCLOID_INLINE Mask first(int64_t n) {
  const Int4 lane = {0, 1, 2, 3};
  const int32_t k = static_cast<int32_t>(n);
  return {lane < Int4{k, k, k, k}};
}
CYCLOID_INLINE Mask without(Mask a, Mask b) { return {a.m & ~b.m}; }
CYCLOID_INLINE Vec load(const float* p, Mask m) {
  Vec x = zero();
  for (int i = 0; i < kLanes; ++i) {
    if (m.m[i]) x.v[i] = p[i];
  }
  return x;
}
CYCLOID_INLINE void store(float* p, Vec x, Mask m) {
  for (int i = 0; i < kLanes; ++i) {
    if (m.m[i]) p[i] = x.v[i];
  }
}
CYCLOID_INLINE Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
CYCLOID_INLINE Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
CYCLOID_INLINE Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
CYCLOID_INLINE Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
CYCLOID_INLINE Vec fma(Vec a, Vec b, Vec c) { return {a.v * b.v + c.v}; }  // rounds twice where there is no FMA
CYCLOID_INLINE Vec select(Mask m, Vec yes, Vec no) {
  return {reinterpret_cast<Float4>((reinterpret_cast<Int4>(yes.v) & m.m) | (reinterpret_cast<Int4>(no.v) & ~m.m))};
}
CYCLOID_INLINE Mask less(Vec a, Vec b) { return {a.v < b.v}; }
CYCLOID_INLINE Mask is_nan(Vec a) { return {a.v != a.v}; }
CYCLOID_INLINE Vec max(Vec a, Vec b) { return select({a.v > b.v}, a, b); }
CYCLOID_INLINE Vec min(Vec a, Vec b) { return select({a.v < b.v}, a, b); }
#define CYCLOID_EACH_LANE(name, expression) \
  CYCLOID_INLINE Vec name(Vec a) {          \
    for (int i = 0; i < kLanes; ++i) {      \
      const float x = a.v[i];               \
      a.v[i] = expression;                  \
    }                                       \
    return a;                               \
  }
CYCLOID_EACH_LANE(sqrt, __builtin_sqrtf(x))
CYCLOID_EACH_LANE(abs, __builtin_fabsf(x))
CYCLOID_EACH_LANE(floor, __builtin_floorf(x))
CYCLOID_EACH_LANE(ceil, __builtin_ceilf(x))
CYCLOID_EACH_LANE(round_even, __builtin_nearbyintf(x))
#undef CYCLOID_EACH_LANE
CYCLOID_INLINE Vec copy_sign(Vec x, Vec sign) {
  const int32_t bit = INT32_MIN;
  const Int4 bits = {bit, bit, bit, bit};
  return {reinterpret_cast<Float4>((reinterpret_cast<Int4>(x.v) & ~bits) | (reinterpret_cast<Int4>(sign.v) & bits))};
}
CYCLOID_INLINE Vec exp2_whole(Vec n) {
  return {reinterpret_cast<Float4>((__builtin_convertvector(n.v, Int4) + 127) << 23)};
}
CYCLOID_INLINE void split_exponent(Vec x, Vec& m, Vec& e) {
  const Int4 bits = reinterpret_cast<Int4>(x.v);
  e.v = __builtin_convertvector((bits >> 23) - 127, Float4);
  m.v = reinterpret_cast<Float4>((bits & 0x7fffff) | 0x3f800000);
}
CYCLOID_INLINE float reduce_add(Vec a) { return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]); }
CYCLOID_INLINE float reduce_max(Vec a) {
  const float x = a.v[0] > a.v[2] ? a.v[0] : a.v[2], y = a.v[1] > a.v[3] ? a.v[1] : a.v[3];
  return x > y ? x : y;
}
CYCLOID_INLINE float reduce_min(Vec a) {
  const float x = a.v[0] < a.v[2] ? a.v[0] : a.v[2], y = a.v[1] < a.v[3] ? a.v[1] : a.v[3];
  return x < y ? x : y;
}

#endif

// Masked loads and stores are slow on processors without AVX-512, so loops take whole vectors without a mask: kFull
// says that m holds all lanes.
template <bool kFull>
CYCLOID_INLINE Vec load_part(const float* p, Mask m) {
  if constexpr (kFull) return load(p);
  return load(p, m);
}
template <bool kFull>
CYCLOID_INLINE void store_part(float* p, Vec x, Mask m) {
  if constexpr (kFull) {
    store(p, x);
  } else {
    store(p, x, m);
  }
}

// Calls f(begin, mask) for each vector of [0, n): first the whole ones, f.template operator()<true>, then the rest.
template <class F>
CYCLOID_INLINE void for_each_vector(int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f.template operator()<true>(i, first(kLanes));
  if (i < n) f.template operator()<false>(i, first(n - i));
}

CYCLOID_INLINE int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }
CYCLOID_INLINE int64_t max_of(int64_t a, int64_t b) { return a > b ? a : b; }

}  // namespace
}  // namespace cycloid::kernels

#define CYCLOID_CAT_(a, b) a##_##b
#define CYCLOID_CAT(a, b) CYCLOID_CAT_(a, b)
// name_scalar, name_avx2 or name_avx512: what this translation unit exports.
#define CYCLOID_ISA_SYMBOL(name) CYCLOID_CAT(name, CYCLOID_ISA_NAME)
