// The element-wise function that a kernel may apply to its result before storing it. Plain data.
#pragma once

namespace cycloid::kernels {

// The kinds, in order:
//   kNone
//   kClip         min(hi, max(lo, x)): Relu is [0, inf), Relu6 is [0, 6]; NaN stays NaN
//   kLeakyRelu    x < 0 ? alpha * x : x
//   kPRelu        x < 0 ? slope[channel] * x : x
//   kSigmoid      1 / (1 + exp(-x))
//   kHardSigmoid  min(1, max(0, alpha * x + beta))
//   kHardSwish    x * min(1, max(0, x / 6 + 1/2))
//   kSilu         x * sigmoid(x)
//   kTanh
//   kGelu         x * (1 + erf(x / sqrt(2))) / 2
//   kGeluTanh     the tanh approximation of it
//   kMish         x * tanh(log(1 + exp(x)))
//   kElu          x < 0 ? alpha * (exp(x) - 1) : x
#define CYCLOID_ALL_ACTIVATIONS(X) \
  X(kNone)                         \
  X(kClip)                         \
  X(kLeakyRelu)                    \
  X(kPRelu) X(kSigmoid) X(kHardSigmoid) X(kHardSwish) X(kSilu) X(kTanh) X(kGelu) X(kGeluTanh) X(kMish) X(kElu)

enum class ActivationKind {
#define CYCLOID_ACTIVATION(kind) kind,
  CYCLOID_ALL_ACTIVATIONS(CYCLOID_ACTIVATION)
#undef CYCLOID_ACTIVATION
};

struct Activation {
  ActivationKind kind = ActivationKind::kNone;
  float lo = 0, hi = 0;          // kClip
  float alpha = 0, beta = 0;     // kLeakyRelu, kHardSigmoid, kElu
  const float* slope = nullptr;  // kPRelu: one per channel; must outlive every run
  // Then scale * y + shift, where `scaled`. Convolutions and products do that, activation_kernel() does not.
  bool scaled = false;
  float scale = 1, shift = 0;
};

// The kinds that bodies of convolutions and products apply to what they have in registers. Others take a second pass over the
// result: their constants would take the registers of the sums.
constexpr bool in_registers(ActivationKind kind) {
  return kind == ActivationKind::kNone || kind == ActivationKind::kClip || kind == ActivationKind::kLeakyRelu ||
         kind == ActivationKind::kPRelu || kind == ActivationKind::kHardSwish;
}

constexpr Activation relu() { return {.kind = ActivationKind::kClip, .lo = 0, .hi = __builtin_inff()}; }
constexpr Activation clip(float lo, float hi) { return {.kind = ActivationKind::kClip, .lo = lo, .hi = hi}; }

}  // namespace cycloid::kernels
