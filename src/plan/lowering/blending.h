// Pixels of all channels blended to one, as many as there are.
#pragma once

#include <algorithm>
#include <array>

#include "kernels/resample/resample.h"

namespace cycloid {

// out = the sum (or the largest) of weighted pixels, found in parts: a part begins with what the ones before it gave.
class Blending {
 public:
  Blending(kernels::BlendFn fn, std::int64_t channels, float* out) : fn_(fn), channels_(channels), out_(out) {}
  void add(const float* pixel, float weight) {
    if (count_ == kTaps) flush();
    pixels_[count_] = pixel;
    weights_[count_++] = weight;
  }
  void finish() {
    if (count_ > 0) {
      flush();
    } else {
      std::fill_n(out_, channels_, 0.0F);
    }
  }

 private:
  static constexpr std::size_t kTaps = 64;
  void flush() {
    fn_({pixels_.data(), weights_.data(), static_cast<std::int64_t>(count_), channels_, out_});
    pixels_[0] = out_;
    weights_[0] = 1;
    count_ = 1;
  }

  kernels::BlendFn fn_;
  std::int64_t channels_;
  float* out_;
  std::array<const float*, kTaps> pixels_;
  std::array<float, kTaps> weights_;
  std::size_t count_ = 0;
};

}  // namespace cycloid
