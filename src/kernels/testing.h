// What kernel tests share: memory that faults when touched outside its bounds, random values, reference activations.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "base/check.h"
#include "kernels/activation.h"

namespace cycloid::kernels::testing {

// `size` floats whose end lies at an inaccessible page, and whose beginning is preceded by values that intact() checks.
// With `shift` floats of slack at the end the data is misaligned by that much.
class Guarded {
 public:
  explicit Guarded(size_t size, size_t shift = 0) : size_(size) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t bytes = ((size + shift) * sizeof(float) + kFront * sizeof(float) + page - 1) / page * page;
    mapped_ = bytes + page;
    base_ = static_cast<char*>(mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CYCLOID_CHECK(base_ != MAP_FAILED);
    CYCLOID_CHECK(mprotect(base_ + bytes, page, PROT_NONE) == 0);
    float* all = reinterpret_cast<float*>(base_);
    for (size_t i = 0; i < bytes / sizeof(float); ++i) all[i] = kMark;
    data_ = reinterpret_cast<float*>(base_ + bytes) - size - shift;
    shift_ = shift;
  }
  ~Guarded() { munmap(base_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  float* data() { return data_; }
  const float* data() const { return data_; }
  size_t size() const { return size_; }
  float& operator[](size_t i) { return data_[i]; }
  float operator[](size_t i) const { return data_[i]; }
  float* begin() { return data_; }
  float* end() { return data_ + size_; }

  // Nothing was written around the data.
  bool intact() const {
    for (const float* p = reinterpret_cast<const float*>(base_); p < data_; ++p) {
      if (*p != kMark) return false;
    }
    for (size_t i = 0; i < shift_; ++i) {
      if (data_[size_ + i] != kMark) return false;
    }
    return true;
  }

  static constexpr float kMark = 12345.678f;

 private:
  static constexpr size_t kFront = 64;
  size_t size_ = 0, shift_ = 0, mapped_ = 0;
  char* base_ = nullptr;
  float* data_ = nullptr;
};

template <class Buffer>
void fill_random(Buffer& values, std::mt19937& random, float lo = -1, float hi = 1) {
  std::uniform_real_distribution<float> uniform(lo, hi);
  for (float& x : values) x = uniform(random);
}

inline int64_t pick(std::mt19937& random, int64_t lo, int64_t hi) {
  return std::uniform_int_distribution<int64_t>(lo, hi)(random);
}

inline double sigmoid_reference(double x) { return 1 / (1 + std::exp(-x)); }

inline double unscaled_activation(const Activation& a, double x, double slope) {
  switch (a.kind) {
    case ActivationKind::kNone: return x;
    case ActivationKind::kClip: return std::fmin(a.hi, std::fmax(a.lo, x));
    case ActivationKind::kLeakyRelu: return x < 0 ? a.alpha * x : x;
    case ActivationKind::kPRelu: return x < 0 ? slope * x : x;
    case ActivationKind::kSigmoid: return sigmoid_reference(x);
    case ActivationKind::kHardSigmoid: return std::fmin(1, std::fmax(0, a.alpha * x + a.beta));
    case ActivationKind::kHardSwish: return x * std::fmin(1, std::fmax(0, x / 6 + 0.5));
    case ActivationKind::kSilu: return x * sigmoid_reference(x);
    case ActivationKind::kTanh: return std::tanh(x);
    case ActivationKind::kGelu: return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
    case ActivationKind::kGeluTanh: return x * 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case ActivationKind::kMish: return x * std::tanh(std::log1p(std::exp(x)));
    case ActivationKind::kElu: return x < 0 ? a.alpha * std::expm1(x) : x;
  }
  return x;
}

inline double activate_reference(const Activation& a, double x, double slope) {
  const double y = unscaled_activation(a, x, slope);
  return a.scaled ? static_cast<double>(a.scale) * y + static_cast<double>(a.shift) : y;
}

inline constexpr ActivationKind kAllActivations[] = {
#define CYCLOID_ACTIVATION(kind) ActivationKind::kind,
    CYCLOID_ALL_ACTIVATIONS(CYCLOID_ACTIVATION)
#undef CYCLOID_ACTIVATION
};

// An activation of the kind with unremarkable parameters; `slope` for PRelu.
inline Activation make_activation(ActivationKind kind, const float* slope) {
  return {.kind = kind, .lo = -0.4f, .hi = 0.7f, .alpha = 0.25f, .beta = 0.5f, .slope = slope};
}

// The largest slope of any of them (GELU, SiLU and Mish reach 1.13), and the error of computing one, relative to the
// larger of 1 and its argument: a few roundings beyond simd_math.h's 4 ulp.
inline constexpr double kActivationSlope = 1.2, kActivationError = 8 * 0x1p-23;

}  // namespace cycloid::kernels::testing
