// Bodies of bodies.h for the instruction set of the including translation unit: plain loops, which the compiler makes
// vectors of.
#pragma once

#include "kernels/elements/bodies.h"
#include "kernels/simd_double.h"

namespace cycloid::kernels {
namespace {

template <ElementKind kKind>
struct TypeOf;
template <>
struct TypeOf<ElementKind::kFloat32> {
  using type = float;
};
template <>
struct TypeOf<ElementKind::kFloat64> {
  using type = double;
};
template <>
struct TypeOf<ElementKind::kInt32> {
  using type = int32_t;
};
template <>
struct TypeOf<ElementKind::kInt64> {
  using type = int64_t;
};
template <>
struct TypeOf<ElementKind::kInt8> {
  using type = int8_t;
};
template <>
struct TypeOf<ElementKind::kUInt8> {
  using type = uint8_t;
};
template <>
struct TypeOf<ElementKind::kBool> {
  using type = uint8_t;
};
template <>
struct TypeOf<ElementKind::kInt16> {
  using type = int16_t;
};
template <>
struct TypeOf<ElementKind::kUInt16> {
  using type = uint16_t;
};
template <>
struct TypeOf<ElementKind::kUInt32> {
  using type = uint32_t;
};
template <>
struct TypeOf<ElementKind::kUInt64> {
  using type = uint64_t;
};
template <class T>
constexpr bool kHasSign = static_cast<T>(-1) < static_cast<T>(1);
template <class T>
constexpr bool kIsInteger = static_cast<T>(0.5) == 0;

// Arithmetic that wraps, by unsigned integers.
CYCLOID_INLINE uint32_t bits_of(int32_t x) { return static_cast<uint32_t>(x); }
CYCLOID_INLINE uint64_t bits_of(int64_t x) { return static_cast<uint64_t>(x); }
CYCLOID_INLINE double bits_of(double x) { return x; }
CYCLOID_INLINE uint8_t bits_of(uint8_t x) { return x; }
CYCLOID_INLINE uint16_t bits_of(uint16_t x) { return x; }
// Promotion to int, whose product of two of 16 bits may not fit, is what this avoids.
template <class T>
using Wide = decltype(bits_of(T{}) + 0u);
template <class T>
CYCLOID_INLINE T add(T a, T b) {
  return static_cast<T>(bits_of(a) + bits_of(b));
}
template <class T>
CYCLOID_INLINE T subtract(T a, T b) {
  return static_cast<T>(bits_of(a) - bits_of(b));
}
template <class T>
CYCLOID_INLINE T multiply(T a, T b) {
  return static_cast<T>(static_cast<Wide<T>>(bits_of(a)) * bits_of(b));
}
template <class T>
CYCLOID_INLINE T shift_left(T a, T b) {
  return bits_of(b) < 8 * sizeof(T) ? static_cast<T>(bits_of(a) << bits_of(b)) : T(0);
}
template <class T>
CYCLOID_INLINE T shift_right(T a, T b) {
  return bits_of(b) < 8 * sizeof(T) ? static_cast<T>(bits_of(a) >> bits_of(b)) : T(0);
}
template <class T>
CYCLOID_INLINE T negate(T x) {
  return static_cast<T>(uint64_t{0} - static_cast<uint64_t>(x));
}
CYCLOID_INLINE double negate(double x) { return -x; }
CYCLOID_INLINE int32_t negate(int32_t x) { return static_cast<int32_t>(0u - bits_of(x)); }
CYCLOID_INLINE double absolute(double x) { return __builtin_fabs(x); }
CYCLOID_INLINE float absolute(float x) { return __builtin_fabsf(x); }
CYCLOID_INLINE double truncated(double x) { return __builtin_trunc(x); }
CYCLOID_INLINE float truncated(float x) { return __builtin_truncf(x); }
CYCLOID_INLINE double with_sign_of(double x, double sign) { return __builtin_copysign(x, sign); }
CYCLOID_INLINE float with_sign_of(float x, float sign) { return __builtin_copysignf(x, sign); }
template <class T>
CYCLOID_INLINE T absolute(T x) {
  if constexpr (kHasSign<T>) {
    if (x < static_cast<T>(0)) return negate(x);
  }
  return x;
}
// NaN stays, and either zero becomes 0 by the addition.
template <class T>
CYCLOID_INLINE T sign(T x) {
  const T zero = static_cast<T>(0), one = static_cast<T>(1);
  if constexpr (kHasSign<T>) {
    const T others = x < zero ? static_cast<T>(-1) : static_cast<T>(x + zero);
    return x > zero ? one : others;
  } else {
    return x != zero ? one : zero;
  }
}
// Of the bits of a float16 or bfloat16, by those of its infinity and its 1. NaN stays.
CYCLOID_INLINE uint16_t sign_of_half(uint16_t x, uint16_t infinity, uint16_t one) {
  const auto size = static_cast<uint16_t>(x & 0x7fff);
  const auto unit = static_cast<uint16_t>((x & 0x8000) | one);
  const uint16_t number = size == 0 ? uint16_t{0} : unit;
  return size > infinity ? x : number;
}
// Without a trap: nothing by 0, and the smallest integer by -1 wraps.
template <class T>
CYCLOID_INLINE T divide(T a, T b) {
  if (b == 0) return 0;
  if constexpr (kHasSign<T>) {
    if (b == static_cast<T>(-1)) return negate(a);
  }
  return static_cast<T>(a / b);
}
CYCLOID_INLINE double divide(double a, double b) { return a / b; }
// By double, which holds every int32 and quotient exactly enough to truncate it: a vector has no integer division.
CYCLOID_INLINE int32_t divide(int32_t a, int32_t b) {
  const double quotient = static_cast<double>(a) / static_cast<double>(b == 0 ? 1 : b);
  const auto whole = static_cast<int32_t>(static_cast<int64_t>(quotient));
  return b == 0 ? 0 : whole;
}
CYCLOID_INLINE double root(double x) { return __builtin_sqrt(x); }
CYCLOID_INLINE float root(float x) { return __builtin_sqrtf(x); }
// The sign of the divisor.
template <class T>
CYCLOID_INLINE T modulo(T a, T b) {
  if (b == 0) return 0;
  if constexpr (kHasSign<T>) {
    if (b == static_cast<T>(-1)) return 0;
    const T r = static_cast<T>(a % b);
    return r == 0 || (r < 0) == (b < 0) ? r : static_cast<T>(r + b);
  } else {
    return static_cast<T>(a % b);
  }
}
// The sign of the dividend.
template <class T>
CYCLOID_INLINE T remainder(T a, T b) {
  if constexpr (kHasSign<T>) {
    if (b == static_cast<T>(-1)) return 0;
  }
  return b == 0 ? static_cast<T>(0) : static_cast<T>(a % b);
}
CYCLOID_INLINE float remainder(float a, float b) { return __builtin_fmodf(a, b); }
CYCLOID_INLINE double remainder(double a, double b) { return __builtin_fmod(a, b); }
// sin x, or where `quarter` is 1, cos x.
CYCLOID_INLINE double sine(double x, int quarter) {
  if (!(__builtin_fabs(x) < kMostAngle)) return quarter == 0 ? __builtin_sin(x) : __builtin_cos(x);
  return sine(all(x), static_cast<double>(quarter))[0];
}
CYCLOID_INLINE float power(float a, float b) { return __builtin_powf(a, b); }
CYCLOID_INLINE double power(double a, double b) { return __builtin_pow(a, b); }

template <Elements2 kOp>
struct Op2;
#define CYCLOID_ELEMENTS2(kind, name, types, result, body) \
  template <>                                              \
  struct Op2<Elements2::kind> {                            \
    template <class T>                                     \
    using Result = result;                                 \
    template <class T>                                     \
    static CYCLOID_INLINE Result<T> apply(T a, T b) {      \
      return static_cast<Result<T>>(body);                 \
    }                                                      \
  };
#define CYCLOID_ELEMENTS1(kind, name, types, result, body)
#include "kernels/elements/manifest.inc"
#undef CYCLOID_ELEMENTS2
#undef CYCLOID_ELEMENTS1

template <Elements1 kOp>
struct Op1;
#define CYCLOID_ELEMENTS2(kind, name, types, result, body)
#define CYCLOID_ELEMENTS1(kind, name, types, result, body) \
  template <>                                              \
  struct Op1<Elements1::kind> {                            \
    template <class T>                                     \
    using Result = result;                                 \
    template <class T>                                     \
    static CYCLOID_INLINE Result<T> apply(T x) {           \
      return static_cast<Result<T>>(body);                 \
    }                                                      \
  };
#include "kernels/elements/manifest.inc"
#undef CYCLOID_ELEMENTS2
#undef CYCLOID_ELEMENTS1

template <class T>
CYCLOID_INLINE const T* row_of(const ElementArgs& t, int k, int64_t r) {
  return static_cast<const T*>(t.in[k]) + r * t.stride[k];
}

// y = a / b of the first elements of a row, in whole vectors; how many. A quotient that is no whole number is at least
// 1 / |a| > 2^-32 of itself away from the next one. So it may be made that much larger in size before it is truncated, and the
// reciprocal need not be exact: 14 bits, doubled twice.
CYCLOID_INLINE int64_t divide_vectors([[maybe_unused]] const int32_t* a, [[maybe_unused]] const int32_t* b,
                                      [[maybe_unused]] int64_t b_step, [[maybe_unused]] int32_t* y,
                                      [[maybe_unused]] int64_t columns) {
  int64_t j = 0;
#if defined(__AVX512F__)
  const __m512d one = _mm512_set1_pd(1), larger = _mm512_set1_pd(0x1p-40);
  for (; j + 8 <= columns; j += 8) {
    const __m256i divisor =
        b_step == 0 ? _mm256_set1_epi32(*b) : _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + j));
    const __m512d u = _mm512_cvtepi32_pd(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + j)));
    const __m512d v = _mm512_cvtepi32_pd(divisor);
    __m512d r = _mm512_rcp14_pd(v);
    r = _mm512_fmadd_pd(r, _mm512_fnmadd_pd(v, r, one), r);
    r = _mm512_fmadd_pd(r, _mm512_fnmadd_pd(v, r, one), r);
    const __m512d q = _mm512_mul_pd(u, r);
    const __mmask8 some = _mm256_test_epi32_mask(divisor, divisor);
    const __m256i whole = _mm512_maskz_cvttpd_epi32(some, _mm512_fmadd_pd(q, larger, q));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + j), whole);
  }
#endif
  return j;
}

#if defined(__FMA__)
CYCLOID_INLINE float multiply_add(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
CYCLOID_INLINE double multiply_add(double a, double b, double c) { return __builtin_fma(a, b, c); }
#endif

template <class T>
struct SameSize;
template <>
struct SameSize<float> {
  using type = int32_t;
};
template <>
struct SameSize<double> {
  using type = int64_t;
};

// y = fmod(a, b) of the first elements of a row, exactly, in whole blocks; how many. For quotients below 2^(mantissa bits), which
// have all whole numbers: the rounded quotient lies between those around the exact one, so its whole part is that of the exact
// one or 1 more. The rest |a| - whole |b| is then in [-|b|, |b|] and a multiple of b's last place: a fused multiply-add has it
// without rounding, and adding |b| to what is negative needs none. All others by the C library.
template <class T>
CYCLOID_INLINE int64_t remainder_vectors([[maybe_unused]] const T* __restrict a, [[maybe_unused]] int64_t a_step,
                                         [[maybe_unused]] const T* __restrict b, [[maybe_unused]] int64_t b_step,
                                         [[maybe_unused]] T* __restrict y, [[maybe_unused]] int64_t columns) {
  int64_t first = 0;
#if defined(__FMA__)
  using Flag = typename SameSize<T>::type;
  constexpr T kMost = sizeof(T) == sizeof(float) ? T(0x1p23) : T(0x1p52);
  constexpr int64_t kBlock = 64;
  for (; first + kBlock <= columns; first += kBlock) {
    T dividends[kBlock], divisors[kBlock];
    for (int64_t j = 0; j < kBlock; ++j) dividends[j] = a[(first + j) * a_step];
    for (int64_t j = 0; j < kBlock; ++j) divisors[j] = b[(first + j) * b_step];
    Flag beyond = 0;
    for (int64_t j = 0; j < kBlock; ++j) {
      const T size = absolute(dividends[j]), by = absolute(divisors[j]), quotient = size / by;
      const T whole = truncated(quotient), rest = multiply_add(-whole, by, size), raised = rest + by;
      const T positive = rest < 0 ? raised : rest;
      y[first + j] = with_sign_of(size < by ? size : positive, dividends[j]);  // also where by is infinite
      beyond |= quotient < kMost ? 0 : 1;
    }
    if (beyond == 0) continue;
    for (int64_t j = 0; j < kBlock; ++j) {
      if (!(absolute(dividends[j]) / absolute(divisors[j]) < kMost))
        y[first + j] = remainder(dividends[j], divisors[j]);
    }
  }
#endif
  return first;
}

template <Elements2 kOp, class T>
void two(const ElementArgs& t) {
  using Op = Op2<kOp>;
  using R = typename Op::template Result<T>;
  const int64_t columns = t.columns;  // a copy: bytes that are stored might be those of `t`
  for (int64_t r = 0; r < t.rows; ++r) {
    const T* __restrict a = row_of<T>(t, 0, r);
    const T* __restrict b = row_of<T>(t, 1, r);
    R* __restrict y = static_cast<R*>(t.y) + r * t.y_stride;
    int64_t first = 0;
    if constexpr (kOp == Elements2::kDiv && kIsInteger<T> && kHasSign<T> && sizeof(T) == sizeof(int32_t)) {
      if (t.step[0] != 0) first = divide_vectors(a, b, t.step[1], y, columns);
    }
    if constexpr (kOp == Elements2::kFmod && !kIsInteger<T>) {
      if (t.step[0] != 0 || t.step[1] != 0) first = remainder_vectors(a, t.step[0], b, t.step[1], y, columns);
    }
    if (t.step[0] != 0 && t.step[1] != 0) {
      for (int64_t j = first; j < columns; ++j) y[j] = Op::template apply<T>(a[j], b[j]);
    } else if (t.step[0] != 0) {
      const T b0 = *b;
      for (int64_t j = first; j < columns; ++j) y[j] = Op::template apply<T>(a[j], b0);
    } else if (t.step[1] != 0) {
      const T a0 = *a;
      for (int64_t j = first; j < columns; ++j) y[j] = Op::template apply<T>(a0, b[j]);
    } else {
      const R y0 = Op::template apply<T>(*a, *b);
      for (int64_t j = 0; j < columns; ++j) y[j] = y0;
    }
  }
}

// Rows of x times numbers, plus numbers: one of each for the row, or for each column.
template <int kScaleStep, int kShiftStep>
CYCLOID_INLINE void affine_row(const double* __restrict x, const double* __restrict scale,
                               const double* __restrict shift, double* __restrict y, int64_t columns) {
  for (int64_t j = 0; j < columns; ++j) y[j] = x[j] * scale[kScaleStep * j] + shift[kShiftStep * j];
}

inline void affine(const ElementArgs& t) {
  for (int64_t r = 0; r < t.rows; ++r) {
    const auto* x = row_of<double>(t, 0, r);
    const auto *scale = row_of<double>(t, 1, r), *shift = row_of<double>(t, 2, r);
    auto* y = static_cast<double*>(t.y) + r * t.y_stride;
    if (t.step[0] == 0) {
      for (int64_t j = 0; j < t.columns; ++j) y[j] = *x * scale[t.step[1] * j] + shift[t.step[2] * j];
    } else if (t.step[1] == 0) {
      t.step[2] == 0 ? affine_row<0, 0>(x, scale, shift, y, t.columns)
                     : affine_row<0, 1>(x, scale, shift, y, t.columns);
    } else {
      t.step[2] == 0 ? affine_row<1, 0>(x, scale, shift, y, t.columns)
                     : affine_row<1, 1>(x, scale, shift, y, t.columns);
    }
  }
}

// Every number of the first operand, bounded by one number of each of the others; NaN stays. A bound of NaN makes all of it NaN.
template <ElementKind kKind>
void clip(const ElementArgs& t) {
  using T = typename TypeOf<kKind>::type;
  const int64_t columns = t.columns;
  for (int64_t r = 0; r < t.rows; ++r) {
    const T* __restrict x = row_of<T>(t, 0, r);
    const T lo = *row_of<T>(t, 1, r), hi = *row_of<T>(t, 2, r);
    T* __restrict y = static_cast<T*>(t.y) + r * t.y_stride;
    if (lo != lo || hi != hi) {
      for (int64_t j = 0; j < columns; ++j) y[j] = lo != lo ? lo : hi;
      continue;
    }
    for (int64_t j = 0; j < columns; ++j) {
      const T above = x[j] < lo ? lo : x[j];
      y[j] = above > hi ? hi : above;
    }
  }
}

// Without the call that sets errno for a negative number, which the compiler would keep.
CYCLOID_INLINE void root_row(const double* x, double* y, int64_t columns) {
  int64_t j = 0;
#if defined(__AVX512F__)
  for (; j + 8 <= columns; j += 8) _mm512_storeu_pd(y + j, _mm512_sqrt_pd(_mm512_loadu_pd(x + j)));
#elif defined(__AVX2__)
  for (; j + 4 <= columns; j += 4) _mm256_storeu_pd(y + j, _mm256_sqrt_pd(_mm256_loadu_pd(x + j)));
#endif
  for (; j < columns; ++j) y[j] = root(x[j]);
}

template <Elements1 kOp, class T>
void one(const ElementArgs& t) {
  using Op = Op1<kOp>;
  using R = typename Op::template Result<T>;
  const int64_t columns = t.columns;
  for (int64_t r = 0; r < t.rows; ++r) {
    const T* __restrict x = row_of<T>(t, 0, r);
    R* __restrict y = static_cast<R*>(t.y) + r * t.y_stride;
    if constexpr (kOp == Elements1::kSqrt && sizeof(T) == sizeof(double)) {
      root_row(x, y, columns);
    } else if constexpr (kOp == Elements1::kExp) {
      for_each_double(x, y, columns, [](Double v) { return exp(v); });
    } else if constexpr (kOp == Elements1::kLog) {
      for_each_double(x, y, columns, [](Double v) { return log(v); });
    } else if constexpr (kOp == Elements1::kTanh) {
      for_each_double(x, y, columns, [](Double v) { return tanh(v); });
    } else if constexpr (kOp == Elements1::kSin || kOp == Elements1::kCos) {
      constexpr int kQuarter = kOp == Elements1::kCos ? 1 : 0;
      for_each_double(x, y, columns, [](Double v) { return sine(v, static_cast<double>(kQuarter)); });
      // Angles that the vectors do not reduce: large ones, which are rare, and what is no number.
      for (int64_t j = 0; j < columns; ++j) {
        if (!(__builtin_fabs(x[j]) < kMostAngle)) y[j] = sine(x[j], kQuarter);
      }
    } else if constexpr (kOp == Elements1::kSigmoid) {
      for_each_double(x, y, columns, [](Double v) { return sigmoid(v); });
    } else {
      for (int64_t j = 0; j < columns; ++j) y[j] = Op::template apply<T>(x[j]);
    }
  }
}

// Floating point to an integer truncates to int64 and is cut to the width, as the reference evaluation has it. What
// int64 cannot hold becomes its least value, as x86's conversions, scalar and vector, have it; C++ leaves it open. uint64 holds
// more.
template <class To, bool kToBool, class From>
#if defined(__clang__)
__attribute__((no_sanitize("float-cast-overflow")))
#endif
CYCLOID_INLINE To
cast_one(From x) {
  if constexpr (kToBool) {
    return x != 0;
  } else if constexpr (!kIsInteger<From> && kIsInteger<To>) {
    const auto whole = static_cast<To>(static_cast<int64_t>(x));
    if constexpr (sizeof(To) == sizeof(uint64_t) && !kHasSign<To>) {
      constexpr From kBeyond = static_cast<From>(0x1p63);
      if (x >= kBeyond && x < 2 * kBeyond) return static_cast<To>(static_cast<int64_t>(x - kBeyond)) + (To{1} << 63);
    }
    return whole;
  } else {
    return static_cast<To>(x);
  }
}

template <ElementKind kFrom, ElementKind kTo>
void cast(const ElementArgs& t) {
  using From = typename TypeOf<kFrom>::type;
  using To = typename TypeOf<kTo>::type;
  const int64_t columns = t.columns;
  for (int64_t r = 0; r < t.rows; ++r) {
    const From* __restrict x = row_of<From>(t, 0, r);
    To* __restrict y = static_cast<To*>(t.y) + r * t.y_stride;
    for (int64_t j = 0; j < columns; ++j) {
      if constexpr (kFrom == ElementKind::kBool) {
        y[j] = static_cast<To>(x[j] != 0);
      } else {
        y[j] = cast_one < To, kTo == ElementKind::kBool > (x[j]);
      }
    }
  }
}

template <class T, int64_t kStepA, int64_t kStepB>
CYCLOID_INLINE void select_row(const uint8_t* __restrict c, const T* __restrict a, const T* __restrict b,
                               T* __restrict y, int64_t columns) {
  // Both are loaded whatever the condition says: the compiler makes no vectors of loads that it may not make.
  for (int64_t j = 0; j < columns; ++j) {
    const T first = a[j * kStepA], second = b[j * kStepB];
    y[j] = c[j] != 0 ? first : second;
  }
}

template <class T>
CYCLOID_INLINE void copy_row(const T* __restrict x, int64_t step, T* __restrict y, int64_t columns) {
  if (step != 0) {
    __builtin_memcpy(y, x, static_cast<size_t>(columns) * sizeof(T));
    return;
  }
  const T value = *x;
  for (int64_t j = 0; j < columns; ++j) y[j] = value;
}

template <class T>
void select_rows(const ElementArgs& t) {
  for (int64_t r = 0; r < t.rows; ++r) {
    const uint8_t* c = row_of<uint8_t>(t, 0, r);
    const T* a = row_of<T>(t, 1, r);
    const T* b = row_of<T>(t, 2, r);
    T* y = static_cast<T*>(t.y) + r * t.y_stride;
    if (t.step[0] == 0) {
      *c != 0 ? copy_row(a, t.step[1], y, t.columns) : copy_row(b, t.step[2], y, t.columns);
    } else if (t.step[1] != 0) {
      t.step[2] != 0 ? select_row<T, 1, 1>(c, a, b, y, t.columns) : select_row<T, 1, 0>(c, a, b, y, t.columns);
    } else {
      t.step[2] != 0 ? select_row<T, 0, 1>(c, a, b, y, t.columns) : select_row<T, 0, 0>(c, a, b, y, t.columns);
    }
  }
}

template <class T>
void copy_rows(const ElementArgs& t) {
  for (int64_t r = 0; r < t.rows; ++r)
    copy_row(row_of<T>(t, 0, r), t.step[0], static_cast<T*>(t.y) + r * t.y_stride, t.columns);
}

// The entries of a line, by ElementKind: float32, float64, int32, int64, int8, uint8, bool, int16, uint16, uint32, uint64.
#define CYCLOID_LINE_WRAPPING(f, k)                                              \
  {nullptr, f<k, double>, f<k, int32_t>,  f<k, int64_t>, nullptr, f<k, uint8_t>, \
   nullptr, nullptr,      f<k, uint16_t>, nullptr,       nullptr},
#define CYCLOID_LINE_NUMBERS(f, k)                                                       \
  {nullptr, f<k, double>,  f<k, int32_t>,  f<k, int64_t>,  f<k, int8_t>,  f<k, uint8_t>, \
   nullptr, f<k, int16_t>, f<k, uint16_t>, f<k, uint32_t>, f<k, uint64_t>},
#define CYCLOID_LINE_INTEGERS(f, k)                                                      \
  {nullptr, nullptr,       f<k, int32_t>,  f<k, int64_t>,  f<k, int8_t>,  f<k, uint8_t>, \
   nullptr, f<k, int16_t>, f<k, uint16_t>, f<k, uint32_t>, f<k, uint64_t>},
#define CYCLOID_LINE_COMPARED(f, k)                                                            \
  {f<k, float>,   f<k, double>,  f<k, int32_t>,  f<k, int64_t>,  f<k, int8_t>,  f<k, uint8_t>, \
   f<k, uint8_t>, f<k, int16_t>, f<k, uint16_t>, f<k, uint32_t>, f<k, uint64_t>},
#define CYCLOID_LINE_EQUAL(f, k)                                                       \
  {f<k, float>,   f<k, double>, f<k, int32_t>,  f<k, int64_t>, nullptr, f<k, uint8_t>, \
   f<k, uint8_t>, nullptr,      f<k, uint16_t>, nullptr,       nullptr},
#define CYCLOID_LINE_BITS(f, k)                                             \
  {nullptr, nullptr, f<k, int32_t>,  f<k, int64_t>, nullptr, f<k, uint8_t>, \
   nullptr, nullptr, f<k, uint16_t>, nullptr,       nullptr},
#define CYCLOID_LINE_BOOLS(f, k) \
  {nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, f<k, uint8_t>, nullptr, nullptr, nullptr, nullptr},
#define CYCLOID_LINE_FLOATS(f, k) \
  {f<k, float>, f<k, double>, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr},
#define CYCLOID_LINE_HALVES(f, k) \
  {nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, f<k, uint16_t>, nullptr, nullptr},
#define CYCLOID_LINE_DOUBLES(f, k) \
  {nullptr, f<k, double>, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr},

constexpr ElementFn kTwo[][kElementKinds] = {
#define CYCLOID_ELEMENTS2(kind, name, types, result, body) CYCLOID_LINE_##types(two, Elements2::kind)
#define CYCLOID_ELEMENTS1(kind, name, types, result, body)
#include "kernels/elements/manifest.inc"
#undef CYCLOID_ELEMENTS2
#undef CYCLOID_ELEMENTS1
};

constexpr ElementFn kOne[][kElementKinds] = {
#define CYCLOID_ELEMENTS2(kind, name, types, result, body)
#define CYCLOID_ELEMENTS1(kind, name, types, result, body) CYCLOID_LINE_##types(one, Elements1::kind)
#include "kernels/elements/manifest.inc"
#undef CYCLOID_ELEMENTS2
#undef CYCLOID_ELEMENTS1
};

#define CYCLOID_CASTS(from)                                                                        \
  {cast<ElementKind::from, ElementKind::kFloat32>, cast<ElementKind::from, ElementKind::kFloat64>, \
   cast<ElementKind::from, ElementKind::kInt32>,   cast<ElementKind::from, ElementKind::kInt64>,   \
   cast<ElementKind::from, ElementKind::kInt8>,    cast<ElementKind::from, ElementKind::kUInt8>,   \
   cast<ElementKind::from, ElementKind::kBool>,    cast<ElementKind::from, ElementKind::kInt16>,   \
   cast<ElementKind::from, ElementKind::kUInt16>,  cast<ElementKind::from, ElementKind::kUInt32>,  \
   cast<ElementKind::from, ElementKind::kUInt64>}
constexpr ElementFn kCasts[][kElementKinds] = {CYCLOID_CASTS(kFloat32), CYCLOID_CASTS(kFloat64), CYCLOID_CASTS(kInt32),
                                               CYCLOID_CASTS(kInt64),   CYCLOID_CASTS(kInt8),    CYCLOID_CASTS(kUInt8),
                                               CYCLOID_CASTS(kBool),    CYCLOID_CASTS(kInt16),   CYCLOID_CASTS(kUInt16),
                                               CYCLOID_CASTS(kUInt32),  CYCLOID_CASTS(kUInt64)};
#undef CYCLOID_CASTS

constexpr ElementFn kSelects[] = {select_rows<uint8_t>, select_rows<uint16_t>, select_rows<uint32_t>,
                                  select_rows<uint64_t>};
constexpr ElementFn kCopies[] = {copy_rows<uint8_t>, copy_rows<uint16_t>, copy_rows<uint32_t>, copy_rows<uint64_t>};

// By ElementKind.
constexpr ElementFn kClips[kElementKinds] = {nullptr,
                                             clip<ElementKind::kFloat64>,
                                             clip<ElementKind::kInt32>,
                                             clip<ElementKind::kInt64>,
                                             clip<ElementKind::kInt8>,
                                             clip<ElementKind::kUInt8>,
                                             nullptr,
                                             clip<ElementKind::kInt16>,
                                             clip<ElementKind::kUInt16>,
                                             clip<ElementKind::kUInt32>,
                                             clip<ElementKind::kUInt64>};

}  // namespace
}  // namespace cycloid::kernels
