// Bodies of qtile.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/qgemm/qtile.h"
#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

// --- One vector of int32.
#if defined(__AVX512F__)

struct Ivec {
  __m512i v;
};
CYCLOID_INLINE Ivec iload(const void* p) { return {_mm512_loadu_si512(p)}; }
CYCLOID_INLINE void istore(void* p, Ivec x) { _mm512_storeu_si512(p, x.v); }
CYCLOID_INLINE void istore(int32_t* p, Ivec x, int64_t n) { _mm512_mask_storeu_epi32(p, first(n).m, x.v); }
CYCLOID_INLINE Ivec iset1(int32_t x) { return {_mm512_set1_epi32(x)}; }
CYCLOID_INLINE Ivec ixor(Ivec a, Ivec b) { return {_mm512_xor_si512(a.v, b.v)}; }
CYCLOID_INLINE Ivec iadd(Ivec a, Ivec b) { return {_mm512_add_epi32(a.v, b.v)}; }
CYCLOID_INLINE Ivec isub(Ivec a, Ivec b) { return {_mm512_sub_epi32(a.v, b.v)}; }
CYCLOID_INLINE Ivec imul(Ivec a, Ivec b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
CYCLOID_INLINE Vec as_floats(Ivec a) { return {_mm512_cvtepi32_ps(a.v)}; }
CYCLOID_INLINE Ivec rounded(Vec a) { return {_mm512_cvtps_epi32(a.v)}; }
CYCLOID_INLINE Ivec load_bytes(const uint8_t* p, bool is_signed) {
  const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {is_signed ? _mm512_cvtepi8_epi32(x) : _mm512_cvtepu8_epi32(x)};
}
CYCLOID_INLINE void store_bytes(uint8_t* p, Ivec x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(x.v));
}
#if defined(__AVX512VNNI__)
CYCLOID_INLINE Ivec dot(Ivec sum, Ivec a, Ivec b) { return {_mm512_dpbusd_epi32(sum.v, a.v, b.v)}; }
#else
CYCLOID_INLINE Ivec dot(Ivec sum, Ivec a, Ivec b) { return {_mm512_add_epi32(sum.v, _mm512_madd_epi16(a.v, b.v))}; }
#endif

#elif defined(__AVX2__)

struct Ivec {
  __m256i v;
};
CYCLOID_INLINE Ivec iload(const void* p) { return {_mm256_loadu_si256(static_cast<const __m256i*>(p))}; }
CYCLOID_INLINE void istore(void* p, Ivec x) { _mm256_storeu_si256(static_cast<__m256i*>(p), x.v); }
CYCLOID_INLINE void istore(int32_t* p, Ivec x, int64_t n) {
  _mm256_maskstore_epi32(p, _mm256_castps_si256(first(n).m), x.v);
}
CYCLOID_INLINE Ivec iset1(int32_t x) { return {_mm256_set1_epi32(x)}; }
CYCLOID_INLINE Ivec ixor(Ivec a, Ivec b) { return {_mm256_xor_si256(a.v, b.v)}; }
CYCLOID_INLINE Ivec iadd(Ivec a, Ivec b) { return {_mm256_add_epi32(a.v, b.v)}; }
CYCLOID_INLINE Ivec isub(Ivec a, Ivec b) { return {_mm256_sub_epi32(a.v, b.v)}; }
CYCLOID_INLINE Ivec imul(Ivec a, Ivec b) { return {_mm256_mullo_epi32(a.v, b.v)}; }
CYCLOID_INLINE Vec as_floats(Ivec a) { return {_mm256_cvtepi32_ps(a.v)}; }
CYCLOID_INLINE Ivec rounded(Vec a) { return {_mm256_cvtps_epi32(a.v)}; }
CYCLOID_INLINE Ivec load_bytes(const uint8_t* p, bool is_signed) {
  const __m128i x = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return {is_signed ? _mm256_cvtepi8_epi32(x) : _mm256_cvtepu8_epi32(x)};
}
CYCLOID_INLINE void store_bytes(uint8_t* p, Ivec x) {
  const __m256i pick = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8, 12, -1,
                                        -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m256i bytes = _mm256_shuffle_epi8(x.v, pick);
  const int32_t low = _mm_cvtsi128_si32(_mm256_castsi256_si128(bytes)),
                high = _mm_cvtsi128_si32(_mm256_extracti128_si256(bytes, 1));
  __builtin_memcpy(p, &low, 4);
  __builtin_memcpy(p + 4, &high, 4);
}
CYCLOID_INLINE Ivec dot(Ivec sum, Ivec a, Ivec b) { return {_mm256_add_epi32(sum.v, _mm256_madd_epi16(a.v, b.v))}; }

#else

struct Ivec {
  Int4 v;
};
CYCLOID_INLINE Ivec iload(const void* p) {
  Ivec x;
  __builtin_memcpy(&x.v, p, sizeof(x.v));
  return x;
}
CYCLOID_INLINE void istore(void* p, Ivec x) { __builtin_memcpy(p, &x.v, sizeof(x.v)); }
CYCLOID_INLINE void istore(int32_t* p, Ivec x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) p[i] = x.v[i];
}
CYCLOID_INLINE Ivec iset1(int32_t x) { return {Int4{x, x, x, x}}; }
CYCLOID_INLINE Ivec ixor(Ivec a, Ivec b) { return {a.v ^ b.v}; }
CYCLOID_INLINE Ivec iadd(Ivec a, Ivec b) { return {a.v + b.v}; }
CYCLOID_INLINE Ivec isub(Ivec a, Ivec b) { return {a.v - b.v}; }
CYCLOID_INLINE Ivec imul(Ivec a, Ivec b) { return {a.v * b.v}; }
CYCLOID_INLINE Vec as_floats(Ivec a) { return {__builtin_convertvector(a.v, Float4)}; }
CYCLOID_INLINE Ivec rounded(Vec a) { return {__builtin_convertvector(round_even(a).v, Int4)}; }
CYCLOID_INLINE Ivec load_bytes(const uint8_t* p, bool is_signed) {
  Ivec x;
  for (int i = 0; i < kLanes; ++i) x.v[i] = is_signed ? static_cast<int8_t>(p[i]) : p[i];
  return x;
}
CYCLOID_INLINE void store_bytes(uint8_t* p, Ivec x) {
  for (int i = 0; i < kLanes; ++i) p[i] = static_cast<uint8_t>(x.v[i]);
}
CYCLOID_INLINE Ivec dot(Ivec sum, Ivec a, Ivec b) {
  for (int i = 0; i < kLanes; ++i) {
    const int32_t x = a.v[i], y = b.v[i];
    sum.v[i] += static_cast<int16_t>(x) * static_cast<int16_t>(y) + (x >> 16) * (y >> 16);
  }
  return sum;
}

#endif

#if defined(__AVX512VNNI__)
constexpr bool kWords = false;
#else
constexpr bool kWords = true;
#endif

// a * b, rounded: the compiler may not make one operation of it and an addition that follows.
CYCLOID_INLINE Vec product(Vec a, Vec b) {
  Vec x = a * b;
#if defined(__AVX512F__)
  __asm__("" : "+v"(x.v));
#elif defined(__x86_64__)
  __asm__("" : "+x"(x.v));
#elif defined(__aarch64__)
  __asm__("" : "+w"(x.v));
#endif
  return x;
}

// --- The tile.
template <int kRows, int kVectors>
void qtile(const Qtile& t) {
  Ivec acc[kRows][kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    const Ivec start = iload(t.start + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) acc[r][v] = start;
  }
  // Past the end: the counter goes from minus the bytes up to 0.
  const char* a[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) a[r] = t.a + r * t.a_stride + 4 * t.steps;
  const char* b = t.b;
  const Ivec flip = iset1(static_cast<int32_t>(t.flip));
  for (int64_t at = -4 * t.steps; at != 0; at += 4, b += 4 * kVectors * kLanes) {
    Ivec bv[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) bv[v] = iload(b + 4 * v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      int32_t four;
      __builtin_memcpy(&four, a[r] + at, 4);
      Ivec x = iset1(four);
      if (!kWords) x = ixor(x, flip);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[r][v] = dot(acc[r][v], x, bv[v]);
    }
    __asm__("" : "+r"(at));
  }
  constexpr int64_t kLast = (kVectors - 1) * kLanes;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    int32_t* c = t.c + r * t.c_stride;
#pragma GCC unroll 4
    for (int v = 0; v + 1 < kVectors; ++v) istore(c + v * kLanes, acc[r][v]);
    if (t.columns == kVectors * kLanes) {
      istore(c + kLast, acc[r][kVectors - 1]);
    } else {
      istore(c + kLast, acc[r][kVectors - 1], t.columns - kLast);
    }
  }
}

template <int... kRow>
struct QrowList {};
template <int kCount, int... kRow>
struct QrowsUpTo : QrowsUpTo<kCount - 1, kCount, kRow...> {};
template <int... kRow>
struct QrowsUpTo<0, kRow...> {
  using List = QrowList<kRow...>;
};
template <int kVectors, class Rows>
struct QtileByRows;
template <int kVectors, int... kRow>
struct QtileByRows<kVectors, QrowList<kRow...>> {
  static constexpr QtileFn table[] = {qtile<kRow, kVectors>...};
};
template <int kVectors, int kMaxRows>
constexpr QtilePanel qtile_panel() {
  return {kVectors, kMaxRows, QtileByRows<kVectors, typename QrowsUpTo<kMaxRows>::List>::table};
}

// --- Rows. A tail goes through a vector's worth of memory of its own.
CYCLOID_INLINE Ivec load_bytes(const uint8_t* p, bool is_signed, int64_t n) {
  uint8_t part[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) part[i] = p[i];
  return load_bytes(part, is_signed);
}
CYCLOID_INLINE void store_bytes(uint8_t* p, Ivec x, int64_t n) {
  uint8_t part[kLanes];
  store_bytes(part, x);
  for (int64_t i = 0; i < n; ++i) p[i] = part[i];
}

// round(x) + zero, clamped; x is clamped first, so that it fits the integers (rounding is monotone, bounds are whole).
CYCLOID_INLINE Ivec to_range(Vec x, Vec lo, Vec hi, Ivec zero) { return iadd(rounded(min(hi, max(lo, x))), zero); }

void to_bytes(const Qpost& t) {
  const Vec lo = set1(static_cast<float>(t.lo - t.zero)), hi = set1(static_cast<float>(t.hi - t.zero));
  const Ivec zero_point = iset1(t.zero);
  for (int64_t r = 0; r < t.rows; ++r) {
    const int32_t* c = t.c + r * t.c_stride;
    uint8_t* y = static_cast<uint8_t*>(t.y) + r * t.y_stride;
    for (int64_t j = 0; j < t.columns; j += kLanes) {
      // The sums and scales are there in whole vectors.
      const Ivec q = to_range(as_floats(iload(c + j)) * load(t.scale + j), lo, hi, zero_point);
      if (j + kLanes <= t.columns) {
        store_bytes(y + j, q);
      } else {
        store_bytes(y + j, q, t.columns - j);
      }
    }
  }
}

void to_floats(const Qpost& t) {
  for (int64_t r = 0; r < t.rows; ++r) {
    const int32_t* c = t.c + r * t.c_stride;
    float* y = static_cast<float*>(t.y) + r * t.y_stride;
    for_each_vector(t.columns, [&]<bool kFull>(int64_t j, Mask m) {
      Vec x = as_floats(iload(c + j)) * load(t.scale + j);
      if (t.bias != nullptr) x = x + load_part<kFull>(t.bias + j, m);
      store_part<kFull>(y + j, x, m);
    });
  }
}

void widen(const uint8_t* x, bool is_signed, int32_t zero, int64_t count, int16_t* y) {
  if (is_signed) {
    const auto* s = reinterpret_cast<const int8_t*>(x);
    for (int64_t i = 0; i < count; ++i) y[i] = static_cast<int16_t>(s[i] - zero);
  } else {
    for (int64_t i = 0; i < count; ++i) y[i] = static_cast<int16_t>(x[i] - zero);
  }
}

// The first n integers, and zeros.
CYCLOID_INLINE Ivec iload_part(const int32_t* p, int64_t n) {
  if (n == kLanes) return iload(p);
  int32_t part[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) part[i] = p[i];
  return iload(part);
}

// Codes of 8 or 16 bits: a whole vector of them, or the first n and zeros.
CYCLOID_INLINE Ivec load_codes(const uint8_t* p, bool is_signed, int64_t n) {
  return n == kLanes ? load_bytes(p, is_signed) : load_bytes(p, is_signed, n);
}
CYCLOID_INLINE Ivec load_codes(const uint16_t* p, bool is_signed, int64_t n) {
  int32_t part[kLanes] = {};
  if (n == kLanes) {
    for (int i = 0; i < kLanes; ++i) part[i] = is_signed ? int32_t{static_cast<int16_t>(p[i])} : int32_t{p[i]};
  } else {
    for (int64_t i = 0; i < n; ++i) part[i] = is_signed ? int32_t{static_cast<int16_t>(p[i])} : int32_t{p[i]};
  }
  return iload(part);
}
CYCLOID_INLINE void store_codes(uint8_t* p, Ivec x, int64_t n) {
  if (n == kLanes) {
    store_bytes(p, x);
  } else {
    store_bytes(p, x, n);
  }
}
CYCLOID_INLINE void store_codes(uint16_t* p, Ivec x, int64_t n) {
  int32_t part[kLanes];
  istore(part, x);
  if (n == kLanes) {
    for (int i = 0; i < kLanes; ++i) p[i] = static_cast<uint16_t>(part[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) p[i] = static_cast<uint16_t>(part[i]);
  }
}

// With a scale for each element. Lanes beyond the count divide by 0: they are not stored.
template <class Code>
CYCLOID_INLINE void quantize_by_element(const QuantizeRow& t, Code* y) {
  const Vec lo = set1(static_cast<float>(t.lo)), hi = set1(static_cast<float>(t.hi));
  for (int64_t i = 0; i < t.count; i += kLanes) {
    const int64_t n = min_of(kLanes, t.count - i);
    const Mask some = first(n);
    const Ivec zero_point = iload_part(t.zeros + i, n);
    const Vec x = load(t.x + i, some) / load(t.scales + i, some), shift = as_floats(zero_point);
    store_codes(y + i, to_range(select(is_nan(x), zero(), x), lo - shift, hi - shift, zero_point), n);
  }
}

template <class Code>
CYCLOID_INLINE void quantize_codes(const QuantizeRow& t, Code* y) {
  if (t.scales != nullptr) return quantize_by_element(t, y);
  const Vec lo = set1(static_cast<float>(t.lo - t.zero)), hi = set1(static_cast<float>(t.hi - t.zero));
  const Vec scale = set1(t.scale);
  const Ivec zero_point = iset1(t.zero);
  const auto quantized = [&](Vec x) {
    x = x / scale;
    return to_range(select(is_nan(x), zero(), x), lo, hi, zero_point);
  };
  int64_t i = 0;
  for (; i + kLanes <= t.count; i += kLanes) store_codes(y + i, quantized(load(t.x + i)), kLanes);
  if (i < t.count) store_codes(y + i, quantized(load(t.x + i, first(t.count - i))), t.count - i);
}

void quantize_row(const QuantizeRow& t) {
  t.words ? quantize_codes(t, reinterpret_cast<uint16_t*>(t.y)) : quantize_codes(t, t.y);
}

template <class Code>
CYCLOID_INLINE void dequantize_by_element(const DequantizeRow& t, const Code* codes) {
  for (int64_t i = 0; i < t.count; i += kLanes) {
    const int64_t n = min_of(kLanes, t.count - i);
    const Ivec x = load_codes(codes + i, t.x_signed, n);
    const Mask some = first(n);
    store(t.y + i, as_floats(isub(x, iload_part(t.zeros + i, n))) * load(t.scales + i, some), some);
  }
}

template <class Code>
CYCLOID_INLINE void dequantize_codes(const DequantizeRow& t, const Code* codes) {
  if (t.scales != nullptr) return dequantize_by_element(t, codes);
  const Ivec zero_point = iset1(t.zero);
  const Vec scale = set1(t.scale);
  int64_t i = 0;
  for (; i + kLanes <= t.count; i += kLanes)
    store(t.y + i, as_floats(isub(load_codes(codes + i, t.x_signed, kLanes), zero_point)) * scale);
  if (i < t.count) {
    const Ivec x = load_codes(codes + i, t.x_signed, t.count - i);
    store(t.y + i, as_floats(isub(x, zero_point)) * scale, first(t.count - i));
  }
}

void dequantize_row(const DequantizeRow& t) {
  t.words ? dequantize_codes(t, reinterpret_cast<const uint16_t*>(t.x)) : dequantize_codes(t, t.x);
}

#if defined(__AVX512F__)

// Scales between which neither sums, products and quotients nor what is left of them can overflow or vanish.
CYCLOID_INLINE bool is_usual_scale(float scale) { return scale >= 1e-7f && scale <= 1e7f; }

// The first elements of a row, 64 at a time; how many. A division takes ten cycles: the quotient is found by the divisor's
// correctly rounded reciprocal instead, and corrected by what is left twice, after which it is correctly rounded too (Markstein,
// "Computation of elementary functions on the IBM RISC System/6000 processor", 1990). The integers are packed with saturation.
template <bool kSigned, bool kProduct, bool kRepeatB>
CYCLOID_INLINE int64_t binary_blocks(const QbinaryRow& t) {
  const Vec a_scale = set1(t.a_scale), b_scale = set1(t.b_scale), y_scale = set1(t.y_scale);
  const Vec reciprocal = set1(1.0f / t.y_scale), most = set1(1e6f);
  const Ivec a_zero = iset1(t.a_zero), b_zero = iset1(t.b_zero);
  const __m512i y_zero = _mm512_set1_epi16(static_cast<int16_t>(t.y_zero));
  const auto second = [&](int64_t i) {
    return product(as_floats(isub(load_bytes(t.b + i, kSigned), b_zero)), b_scale);
  };
  const Vec b_value =
      set1(t.b_scale * static_cast<float>((kSigned ? int32_t{static_cast<int8_t>(*t.b)} : int32_t{*t.b}) - t.b_zero));
  const auto quantised = [&](int64_t i) {
    const Vec a = product(as_floats(isub(load_bytes(t.a + i, kSigned), a_zero)), a_scale);
    const Vec b = kRepeatB ? b_value : second(i);
    const Vec x = kProduct ? product(a, b) : a + b;
    Vec q = x * reciprocal;
    q = fma(Vec{_mm512_fnmadd_ps(q.v, y_scale.v, x.v)}, reciprocal, q);
    q = fma(Vec{_mm512_fnmadd_ps(q.v, y_scale.v, x.v)}, reciprocal, q);
    return _mm512_cvtps_epi32(min(most, q).v);  // what is too small becomes the smallest integer
  };
  // Packing works within lanes of 128 bits: these come back in turns.
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  int64_t i = 0;
  for (; i + 64 <= t.count; i += 64) {
    const __m512i low = _mm512_adds_epi16(_mm512_packs_epi32(quantised(i), quantised(i + 16)), y_zero);
    const __m512i high = _mm512_adds_epi16(_mm512_packs_epi32(quantised(i + 32), quantised(i + 48)), y_zero);
    const __m512i bytes = kSigned ? _mm512_packs_epi16(low, high) : _mm512_packus_epi16(low, high);
    _mm512_storeu_si512(t.y + i, _mm512_permutexvar_epi32(order, bytes));
  }
  return i;
}

CYCLOID_INLINE int64_t binary_blocks(const QbinaryRow& t) {
  if (t.a_step == 0 || !is_usual_scale(t.a_scale) || !is_usual_scale(t.b_scale) || !is_usual_scale(t.y_scale)) return 0;
  const auto blocks = [&]<bool kSigned, bool kProduct>() {
    return t.b_step == 0 ? binary_blocks<kSigned, kProduct, true>(t) : binary_blocks<kSigned, kProduct, false>(t);
  };
  if (t.is_signed) return t.product ? blocks.operator()<true, true>() : blocks.operator()<true, false>();
  return t.product ? blocks.operator()<false, true>() : blocks.operator()<false, false>();
}

#else

CYCLOID_INLINE int64_t binary_blocks(const QbinaryRow&) { return 0; }

#endif

// Sums and products do not ask for an order, so that of one repeated element and a row the row comes first.
CYCLOID_INLINE QbinaryRow row_first(QbinaryRow t) {
  if (t.a_step != 0 || t.b_step == 0) return t;
  const QbinaryRow given = t;
  t.a = given.b;
  t.a_step = given.b_step;
  t.a_scale = given.b_scale;
  t.a_zero = given.b_zero;
  t.b = given.a;
  t.b_step = given.a_step;
  t.b_scale = given.a_scale;
  t.b_zero = given.a_zero;
  return t;
}

void binary_row(const QbinaryRow& given) {
  const QbinaryRow t = row_first(given);
  const int32_t lo = t.is_signed ? -128 : 0;
  const Vec low = set1(static_cast<float>(lo - t.y_zero)), high = set1(static_cast<float>(lo + 255 - t.y_zero));
  const Vec a_scale = set1(t.a_scale), b_scale = set1(t.b_scale), y_scale = set1(t.y_scale);
  const Ivec a_zero = iset1(t.a_zero), b_zero = iset1(t.b_zero), y_zero = iset1(t.y_zero);
  const auto one = [&](const uint8_t* p) {
    return iset1(t.is_signed ? static_cast<int32_t>(static_cast<int8_t>(*p)) : static_cast<int32_t>(*p));
  };
  const Ivec a0 = one(t.a), b0 = one(t.b);
  for (int64_t i = binary_blocks(t); i < t.count; i += kLanes) {
    const int64_t n = min_of(kLanes, t.count - i);
    const auto operand = [&](const uint8_t* p, int64_t step, Ivec repeated) {
      if (step == 0) return repeated;
      return n == kLanes ? load_bytes(p + i, t.is_signed) : load_bytes(p + i, t.is_signed, n);
    };
    const Vec a = product(as_floats(isub(operand(t.a, t.a_step, a0), a_zero)), a_scale);
    const Vec b = product(as_floats(isub(operand(t.b, t.b_step, b0), b_zero)), b_scale);
    const Vec x = (t.product ? a * b : a + b) / y_scale;
    const Ivec q = to_range(select(is_nan(x), zero(), x), low, high, y_zero);
    if (n == kLanes) {
      store_bytes(t.y + i, q);
    } else {
      store_bytes(t.y + i, q, n);
    }
  }
}

void range(const float* x, int64_t count, float& low, float& high) {
  Vec lo[2] = {zero(), zero()}, hi[2] = {zero(), zero()};
  int64_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    for (int v = 0; v < 2; ++v) {
      const Vec e = load(x + i + v * kLanes);
      lo[v] = min(e, lo[v]);
      hi[v] = max(e, hi[v]);
    }
  }
  for (; i < count; i += kLanes) {
    const Vec e = load(x + i, first(min_of(kLanes, count - i)));
    lo[0] = min(e, lo[0]);
    hi[0] = max(e, hi[0]);
  }
  low = reduce_min(min(lo[0], lo[1]));
  high = reduce_max(max(hi[0], hi[1]));
}

// 16 bytes at a time, as the compiler has them for any instruction set.
template <class T>
CYCLOID_INLINE void max_pool_row(const QmaxRow& t) {
  typedef T Bytes __attribute__((vector_size(16)));
  constexpr int64_t kBytes = 16;
  for (int64_t p = 0; p < t.pixels; ++p) {
    uint8_t* y = t.y + p * t.y_stride;
    int64_t j = 0;
    for (; j + kBytes <= t.channels; j += kBytes) {
      Bytes top, x;
      __builtin_memcpy(&top, t.taps[0] + p * t.step + j, kBytes);
      for (int64_t i = 1; i < t.tap_count; ++i) {
        __builtin_memcpy(&x, t.taps[i] + p * t.step + j, kBytes);
        top = x > top ? x : top;
      }
      __builtin_memcpy(y + j, &top, kBytes);
    }
    for (; j < t.channels; ++j) {
      T top = static_cast<T>(t.taps[0][p * t.step + j]);
      for (int64_t i = 1; i < t.tap_count; ++i) {
        const T x = static_cast<T>(t.taps[i][p * t.step + j]);
        top = x > top ? x : top;
      }
      y[j] = static_cast<uint8_t>(top);
    }
  }
}

void max_pool(const QmaxRow& t) {
  if (t.is_signed) {
    max_pool_row<int8_t>(t);
  } else {
    max_pool_row<uint8_t>(t);
  }
}

void column_sums([[maybe_unused]] const char* panel, [[maybe_unused]] int64_t steps, int64_t columns, int32_t* sums) {
  for (int64_t j = 0; j < columns; j += kLanes) {
    Ivec sum = iset1(0);
#if defined(__AVX512VNNI__)
    for (int64_t s = 0; s < steps; ++s) sum = dot(sum, iset1(0x01010101), iload(panel + 4 * (s * columns + j)));
#endif
    istore(sums + j, sum);
  }
}

void correct(int32_t* c, int64_t c_stride, int64_t rows, int64_t columns, const int32_t* zeros,
             const int32_t* row_sums) {
  for (int64_t r = 0; r < rows; ++r) {
    const Ivec sum = iset1(row_sums[r]);
    int32_t* to = c + r * c_stride;
    int64_t j = 0;
    for (; j + kLanes <= columns; j += kLanes) istore(to + j, isub(iload(to + j), imul(iload(zeros + j), sum)));
    for (; j < columns; ++j) to[j] -= zeros[j] * row_sums[r];
  }
}

// --- Depthwise convolution.
void interleave(const QinterleaveRow& t) {
  const int64_t whole = (t.channels + kLanes - 1) / kLanes * kLanes;
  int64_t j = 0;
#if defined(__AVX512VNNI__)
  // Four rows of 16 bytes as 16 times 4 bytes.
  const __m128i fill = _mm_set1_epi8(static_cast<char>(t.zero));
  const __m512i flip = _mm512_set1_epi8(t.is_signed ? static_cast<char>(0x80) : 0);
  for (; j < whole; j += 16) {
    const auto mask = static_cast<__mmask16>(t.channels - j >= 16 ? 0xffff : (1u << (t.channels - j)) - 1);
    const auto row = [&](int r) { return t.rows[r] == nullptr ? fill : _mm_maskz_loadu_epi8(mask, t.rows[r] + j); };
    const __m128i a = row(0), b = row(1), c = row(2), d = row(3);
    const __m128i ab = _mm_unpacklo_epi8(a, b), cd = _mm_unpacklo_epi8(c, d), ab_high = _mm_unpackhi_epi8(a, b),
                  cd_high = _mm_unpackhi_epi8(c, d);
    __m512i x = _mm512_castsi128_si512(_mm_unpacklo_epi16(ab, cd));
    x = _mm512_inserti32x4(x, _mm_unpackhi_epi16(ab, cd), 1);
    x = _mm512_inserti32x4(x, _mm_unpacklo_epi16(ab_high, cd_high), 2);
    x = _mm512_inserti32x4(x, _mm_unpackhi_epi16(ab_high, cd_high), 3);
    _mm512_storeu_si512(t.to + 4 * j, _mm512_xor_si512(x, flip));
  }
#else
#if defined(__AVX2__)
  const __m128i zero_point = _mm_set1_epi16(static_cast<int16_t>(t.zero));
  const auto row = [&](int r) {
    if (t.rows[r] == nullptr) return _mm_setzero_si128();
    const __m128i x = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(t.rows[r] + j));
    return _mm_sub_epi16(t.is_signed ? _mm_cvtepi8_epi16(x) : _mm_cvtepu8_epi16(x), zero_point);
  };
  for (; j + 8 <= t.channels; j += 8) {
    const __m128i a = row(0), b = row(1);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(t.to + 4 * j), _mm_unpacklo_epi16(a, b));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(t.to + 4 * j + 16), _mm_unpackhi_epi16(a, b));
  }
#endif
  for (; j < whole; ++j) {
    for (int r = 0; r < 2; ++r) {
      int32_t x = 0;
      if (t.rows[r] != nullptr && j < t.channels)
        x = (t.is_signed ? static_cast<int32_t>(static_cast<int8_t>(t.rows[r][j])) : t.rows[r][j]) - t.zero;
      const auto word = static_cast<int16_t>(x);
      __builtin_memcpy(t.to + 4 * j + 2 * r, &word, 2);
    }
  }
#endif
}

// kPixels neighbours share a vector of weights.
template <int kPixels>
CYCLOID_INLINE void depthwise_pixels(const QdepthwiseRow& t, int64_t p, int64_t j, int64_t whole) {
  Ivec acc[kPixels];
  const Ivec start = iload(t.start + j);
#pragma GCC unroll 4
  for (int i = 0; i < kPixels; ++i) acc[i] = start;
  const char* w = t.w + 4 * j;
  for (int64_t g = 0; g < t.groups; ++g) {
    const char* x = t.x + g * t.group_stride + p * t.stride * t.pixel_bytes + 4 * j;
    for (int64_t k = 0; k < t.taps; ++k, x += t.dilation * t.pixel_bytes, w += 4 * whole) {
      const Ivec weight = iload(w);
#pragma GCC unroll 4
      for (int i = 0; i < kPixels; ++i) acc[i] = dot(acc[i], iload(x + i * t.stride * t.pixel_bytes), weight);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kPixels; ++i) istore(t.c + (p + i) * whole + j, acc[i]);
}

void depthwise_row(const QdepthwiseRow& t) {
  const int64_t whole = (t.channels + kLanes - 1) / kLanes * kLanes;
  int64_t p = 0;
  for (; p + 4 <= t.pixels; p += 4) {
    for (int64_t j = 0; j < whole; j += kLanes) depthwise_pixels<4>(t, p, j, whole);
  }
  for (; p < t.pixels; ++p) {
    for (int64_t j = 0; j < whole; j += kLanes) depthwise_pixels<1>(t, p, j, whole);
  }
}

// The kernels of this instruction set with these tiles, which need neither padded rows nor a state of the processor.
constexpr QtileKernels qtile_table(QtilePanel one, QtilePanel two, QtilePanel three, QtilePanel four) {
  return {kLanes,   kWords,      1,       false,        nullptr,        nullptr,    {one, two, three, four},
          to_bytes, to_floats,   widen,   quantize_row, dequantize_row, binary_row, range,
          max_pool, column_sums, correct, interleave,   depthwise_row};
}

}  // namespace
}  // namespace cycloid::kernels
