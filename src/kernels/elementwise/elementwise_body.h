// Bodies of bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/elementwise/bodies.h"
#include "kernels/post_body.h"
#include "kernels/simd_trig.h"

namespace cycloid::kernels {
namespace {

template <class Op>
void unary_rows(const UnaryArgs& t) {
  for (int64_t r = 0; r < t.rows; ++r) {
    const float* x = t.x + r * t.x_stride;
    float* y = t.y + r * t.y_stride;
    int64_t j = 0;
    for (; j + kLanes <= t.columns; j += kLanes) store(y + j, Op::apply(load(x + j), t.activation, j));
    if (j < t.columns) {
      const Mask m = first(t.columns - j);
      store(y + j, Op::apply(load(x + j, m), t.activation, j, m), m);
    }
  }
}

template <UnaryKind kKind>
struct UnaryOp;
#define CYCLOID_UNARY(kind, name, body, reference, lo, hi)                                    \
  template <>                                                                                 \
  struct UnaryOp<UnaryKind::kind> {                                                           \
    static CYCLOID_INLINE Vec apply(Vec x, const Activation&, int64_t) { return body; }       \
    static CYCLOID_INLINE Vec apply(Vec x, const Activation&, int64_t, Mask) { return body; } \
  };
#define CYCLOID_BINARY(kind, name, body, reference)
#include "kernels/elementwise/manifest.inc"
#undef CYCLOID_UNARY
#undef CYCLOID_BINARY

template <ActivationKind kKind>
struct ActivationOp {
  static CYCLOID_INLINE Vec apply(Vec x, const Activation& a, int64_t j) {
    return activate<kKind>(x, a, kKind == ActivationKind::kPRelu ? load(a.slope + j) : zero());
  }
  static CYCLOID_INLINE Vec apply(Vec x, const Activation& a, int64_t j, Mask m) {
    return activate<kKind>(x, a, kKind == ActivationKind::kPRelu ? load(a.slope + j, m) : zero());
  }
};

template <BinaryKind kKind>
struct BinaryOp;
#define CYCLOID_UNARY(kind, name, body, reference, lo, hi)
#define CYCLOID_BINARY(kind, name, body, reference)                \
  template <>                                                      \
  struct BinaryOp<BinaryKind::kind> {                              \
    static CYCLOID_INLINE Vec apply(Vec a, Vec b) { return body; } \
  };
#include "kernels/elementwise/manifest.inc"
#undef CYCLOID_UNARY
#undef CYCLOID_BINARY

// A store of a whole vector to memory at a multiple of its size that leaves the caches alone: the line is not read first.
// fence_streams() before others read it.
#if defined(__AVX512F__)
CYCLOID_INLINE void stream(float* p, Vec x) { _mm512_stream_ps(p, x.v); }
CYCLOID_INLINE void fence_streams() { _mm_sfence(); }
#elif defined(__AVX2__)
CYCLOID_INLINE void stream(float* p, Vec x) { _mm256_stream_ps(p, x.v); }
CYCLOID_INLINE void fence_streams() { _mm_sfence(); }
#else
CYCLOID_INLINE void stream(float* p, Vec x) { store(p, x); }
CYCLOID_INLINE void fence_streams() {}
#endif

// Floats before the first one whose place is a multiple of a vector's size.
CYCLOID_INLINE int64_t floats_to_boundary(const float* p) {
  constexpr uintptr_t kBytes = kLanes * sizeof(float);
  return static_cast<int64_t>((kBytes - reinterpret_cast<uintptr_t>(p) % kBytes) % kBytes / sizeof(float));
}

template <class Op, bool kVectorA, bool kVectorB, bool kClip, bool kStream>
CYCLOID_INLINE void binary_row(const float* a, const float* b, float* y, const BinaryArgs& t) {
  const Vec lo = set1(t.lo), hi = set1(t.hi);
  const Vec a0 = set1(*a), b0 = set1(*b);
  const auto part = [&](int64_t j, Mask m) {
    Vec x = Op::apply(kVectorA ? load(a + j, m) : a0, kVectorB ? load(b + j, m) : b0);
    if (kClip) x = min(hi, max(lo, x));
    store(y + j, x, m);
  };
  int64_t j = 0;
  if (kStream) {
    j = min_of(floats_to_boundary(y), t.columns);
    if (j > 0) part(0, first(j));
  }
  for (; j + kLanes <= t.columns; j += kLanes) {
    Vec x = Op::apply(kVectorA ? load(a + j) : a0, kVectorB ? load(b + j) : b0);
    if (kClip) x = min(hi, max(lo, x));
    kStream ? stream(y + j, x) : store(y + j, x);
  }
  if (j < t.columns) part(j, first(t.columns - j));
}

template <class Op, bool kVectorA, bool kVectorB, bool kClip, bool kStream>
CYCLOID_INLINE void binary_each(const BinaryArgs& t) {
  for (int64_t r = 0; r < t.rows; ++r) {
    binary_row<Op, kVectorA, kVectorB, kClip, kStream>(t.a + r * t.a_stride, t.b + r * t.b_stride, t.y + r * t.y_stride,
                                                       t);
  }
  if (kStream) fence_streams();
}

template <class Op, bool kVectorA, bool kVectorB>
CYCLOID_INLINE void binary_all(const BinaryArgs& t) {
  if (t.stream) {
    if (t.clip) return binary_each<Op, kVectorA, kVectorB, true, true>(t);
    return binary_each<Op, kVectorA, kVectorB, false, true>(t);
  }
  if (t.clip) return binary_each<Op, kVectorA, kVectorB, true, false>(t);
  binary_each<Op, kVectorA, kVectorB, false, false>(t);
}

template <BinaryKind kKind>
void binary_rows(const BinaryArgs& t) {
  using Op = BinaryOp<kKind>;
  if (t.rows <= 0 || t.columns <= 0) return;
  if (t.a_step != 0 && t.b_step != 0) return binary_all<Op, true, true>(t);
  if (t.a_step != 0) return binary_all<Op, true, false>(t);
  if (t.b_step != 0) return binary_all<Op, false, true>(t);
  binary_all<Op, false, false>(t);
}

template <bool kByRow>
void affine_rows(const AffineArgs& t) {
  const Vec lo = set1(t.clip ? t.lo : -__builtin_inff()), hi = set1(t.clip ? t.hi : __builtin_inff());
  for (int64_t r = 0; r < t.rows; ++r) {
    const float* x = t.x + r * t.x_stride;
    float* y = t.y + r * t.y_stride;
    const Vec row_scale = kByRow ? set1(t.scale[r]) : zero(), row_shift = kByRow ? set1(t.shift[r]) : zero();
    for_each_vector(t.columns, [&]<bool kFull>(int64_t j, Mask m) {
      const Vec scale = kByRow ? row_scale : load_part<kFull>(t.scale + j, m);
      const Vec shift = kByRow ? row_shift : load_part<kFull>(t.shift + j, m);
      store_part<kFull>(y + j, min(hi, max(lo, fma(load_part<kFull>(x + j, m), scale, shift))), m);
    });
  }
}

void affine(const AffineArgs& t) { t.by_row ? affine_rows<true>(t) : affine_rows<false>(t); }

constexpr UnaryFn kUnary[] = {
#define CYCLOID_UNARY(kind, name, body, reference, lo, hi) unary_rows<UnaryOp<UnaryKind::kind>>,
#define CYCLOID_BINARY(kind, name, body, reference)
#include "kernels/elementwise/manifest.inc"
#undef CYCLOID_UNARY
#undef CYCLOID_BINARY
};

constexpr BinaryFn kBinary[] = {
#define CYCLOID_UNARY(kind, name, body, reference, lo, hi)
#define CYCLOID_BINARY(kind, name, body, reference) binary_rows<BinaryKind::kind>,
#include "kernels/elementwise/manifest.inc"
#undef CYCLOID_UNARY
#undef CYCLOID_BINARY
};

constexpr UnaryFn kActivations[] = {
#define CYCLOID_ACTIVATION(kind) unary_rows<ActivationOp<ActivationKind::kind>>,
    CYCLOID_ALL_ACTIVATIONS(CYCLOID_ACTIVATION)
#undef CYCLOID_ACTIVATION
};

}  // namespace
}  // namespace cycloid::kernels
