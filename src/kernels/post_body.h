// Activations on vectors, and on a tile that was just stored (it is still in L1).
#pragma once

#include "kernels/activation.h"
#include "kernels/simd_math.h"

namespace cycloid::kernels {
namespace {

CYCLOID_INLINE Vec leak(Vec x, Vec slope) { return select(less(x, zero()), x * slope, x); }
CYCLOID_INLINE Vec hard_swish(Vec x) { return x * min(set1(1.0f), max(zero(), fma(x, set1(1.0f / 6.0f), set1(0.5f)))); }

template <ActivationKind kKind>
CYCLOID_INLINE Vec activate(Vec x, const Activation& a, Vec slope) {
  if constexpr (kKind == ActivationKind::kClip) return min(set1(a.hi), max(set1(a.lo), x));
  if constexpr (kKind == ActivationKind::kLeakyRelu) return leak(x, set1(a.alpha));
  if constexpr (kKind == ActivationKind::kPRelu) return leak(x, slope);
  if constexpr (kKind == ActivationKind::kSigmoid) return sigmoid(x);
  if constexpr (kKind == ActivationKind::kHardSigmoid) {
    return min(set1(1.0f), max(zero(), fma(x, set1(a.alpha), set1(a.beta))));
  }
  if constexpr (kKind == ActivationKind::kHardSwish) return hard_swish(x);
  if constexpr (kKind == ActivationKind::kSilu) return x * sigmoid(x);
  if constexpr (kKind == ActivationKind::kTanh) return tanh(x);
  if constexpr (kKind == ActivationKind::kGelu) {
    const Vec half = x * set1(0.5f);
    return fma(half, erf(x * set1(0.707106781f)), half);
  }
  if constexpr (kKind == ActivationKind::kGeluTanh) {
    const Vec half = x * set1(0.5f);
    return fma(half, tanh(set1(0.797884561f) * fma(x * x * x, set1(0.044715f), x)), half);
  }
  if constexpr (kKind == ActivationKind::kMish) {
    // tanh(log(1 + e)) = (e^2 + 2e) / (e^2 + 2e + 2); beyond 20 it is 1 in float, and e^2 would overflow at 44.
    const Vec e = exp(min(set1(20.0f), x));
    const Vec n = fma(e, e, e + e);
    return x * (n / (n + set1(2.0f)));
  }
  if constexpr (kKind == ActivationKind::kElu) {
    return select(less(x, zero()), set1(a.alpha) * expm1_negative(x), x);
  }
  return x;
}

// Calls f with the kind as a compile-time constant.
template <class F>
CYCLOID_INLINE void with_activation(ActivationKind kind, F f) {
  switch (kind) {
#define CYCLOID_CASE(name) \
  case ActivationKind::name: return f.template operator()<ActivationKind::name>();
    CYCLOID_ALL_ACTIVATIONS(CYCLOID_CASE)
#undef CYCLOID_CASE
  }
}

// A kind that is in_registers(); PRelu's slopes begin at slope[c].
template <bool kFull>
CYCLOID_INLINE Vec activate_in_registers(Vec x, const Activation& a, const float* slope, int64_t c, Mask m) {
  switch (a.kind) {
    case ActivationKind::kClip: x = activate<ActivationKind::kClip>(x, a, zero()); break;
    case ActivationKind::kLeakyRelu: x = leak(x, set1(a.alpha)); break;
    case ActivationKind::kPRelu: x = leak(x, load_part<kFull>(slope + c, m)); break;
    case ActivationKind::kHardSwish: x = hard_swish(x); break;
    default: break;
  }
  return a.scaled ? fma(x, set1(a.scale), set1(a.shift)) : x;
}

struct PostArgs {
  float* c;
  int64_t c_stride, rows, columns;
  const Activation* activation;
  const float* residual;
  int64_t residual_stride;
};

struct PostTile {
  const PostArgs& p;
  template <ActivationKind kKind>
  void operator()() const {
    const Activation& a = *p.activation;
    for (int64_t r = 0; r < p.rows; ++r) {
      float* c = p.c + r * p.c_stride;
      const float* residual = p.residual == nullptr ? nullptr : p.residual + r * p.residual_stride;
      for_each_vector(p.columns, [&]<bool kFull>(int64_t j, Mask m) {
        const Vec slope = kKind == ActivationKind::kPRelu ? load_part<kFull>(a.slope + j, m) : zero();
        Vec x = activate<kKind>(load_part<kFull>(c + j, m), a, slope);
        if (a.scaled) x = fma(x, set1(a.scale), set1(a.shift));
        if (residual != nullptr) x = x + load_part<kFull>(residual + j, m);
        store_part<kFull>(c + j, x, m);
      });
    }
  }
};

[[maybe_unused]] void post_process(float* c, int64_t c_stride, int64_t rows, int64_t columns,
                                   const Activation& activation, const float* residual, int64_t residual_stride) {
  const PostArgs args = {c, c_stride, rows, columns, &activation, residual, residual_stride};
  with_activation(activation.kind, PostTile{args});
}

}  // namespace
}  // namespace cycloid::kernels
