// Bodies of bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/elementwise/bodies.h"
#include "kernels/post_body.h"

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

template <class Op, bool kVectorA, bool kVectorB, bool kClip>
CYCLOID_INLINE void binary_row(const float* a, const float* b, float* y, const BinaryArgs& t) {
  const Vec lo = set1(t.lo), hi = set1(t.hi);
  const Vec a0 = set1(*a), b0 = set1(*b);
  int64_t j = 0;
  for (; j + kLanes <= t.columns; j += kLanes) {
    Vec x = Op::apply(kVectorA ? load(a + j) : a0, kVectorB ? load(b + j) : b0);
    if (kClip) x = min(hi, max(lo, x));
    store(y + j, x);
  }
  if (j < t.columns) {
    const Mask m = first(t.columns - j);
    Vec x = Op::apply(kVectorA ? load(a + j, m) : a0, kVectorB ? load(b + j, m) : b0);
    if (kClip) x = min(hi, max(lo, x));
    store(y + j, x, m);
  }
}

template <class Op, bool kVectorA, bool kVectorB>
CYCLOID_INLINE void binary_all(const BinaryArgs& t) {
  for (int64_t r = 0; r < t.rows; ++r) {
    const float* a = t.a + r * t.a_stride;
    const float* b = t.b + r * t.b_stride;
    float* y = t.y + r * t.y_stride;
    if (t.clip) {
      binary_row<Op, kVectorA, kVectorB, true>(a, b, y, t);
    } else {
      binary_row<Op, kVectorA, kVectorB, false>(a, b, y, t);
    }
  }
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

void affine_rows(const AffineArgs& t) {
  const Vec lo = set1(t.clip ? t.lo : -__builtin_inff()), hi = set1(t.clip ? t.hi : __builtin_inff());
  for (int64_t r = 0; r < t.rows; ++r) {
    const float* x = t.x + r * t.x_stride;
    float* y = t.y + r * t.y_stride;
    int64_t j = 0;
    for (; j + kLanes <= t.columns; j += kLanes) {
      store(y + j, min(hi, max(lo, fma(load(x + j), load(t.scale + j), load(t.shift + j)))));
    }
    if (j < t.columns) {
      const Mask m = first(t.columns - j);
      store(y + j, min(hi, max(lo, fma(load(x + j, m), load(t.scale + j, m), load(t.shift + j, m)))), m);
    }
  }
}

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
