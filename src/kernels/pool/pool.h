// Max and average pooling of float32, channels-last or in planes (row-major). Protocol as in conv/conv.h, without constants.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/cpu.h"
#include "kernels/pool/bodies.h"

namespace cycloid::kernels {

enum class PoolKind {
  kMax,                  // of the taps inside the input; -inf where there is none
  kAverage,              // of the taps inside the input; 0 where there is none
  kAverageCountPadding,  // the same sum, divided by the taps inside the input and its padding
};

// Sizes are positive, padding at least 0. The output size is given (so floor and ceil modes are the caller's); the end
// padding matters only to kAverageCountPadding. Global pooling is a kernel as large as the input.
struct PoolParams {
  PoolKind kind = PoolKind::kMax;
  int64_t batch = 1;
  int64_t in_h = 1, in_w = 1, channels = 1;
  int64_t out_h = 1, out_w = 1;
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  int64_t in_stride = 0, out_stride = 0;  // floats from pixel to pixel; 0 means `channels`
  bool planes = false;                    // row-major: a plane for each channel; strides do not count
  int threads = 1;                        // as in ConvParams
};

struct PoolPlan {
  PoolParams params;
  std::string_view name;  // "pool.max.avx512"
  const PoolBodies* bodies = nullptr;
  int64_t units = 0;  // (output row of an image, or of a plane) x (block of channels)
  int64_t channel_blocks = 1;
  size_t scratch_bytes = 0;  // of planes

  // `out` must not overlap `in`.
  void run(const float* in, float* out, void* scratch, int64_t begin, int64_t end) const;

  // Where the pooling is not of planes and not dilated in height: rows of the input that output row y takes taps of, as [begin,
  // end).
  std::pair<int64_t, int64_t> rows_for(int64_t y) const;
  // Output row y of an image whose input row r, in_w pixels in_stride apart, lies at ring + r % slots * in_w * in_stride, for
  // those rows; `slots` is at least their number.
  void run_row(const float* ring, int64_t slots, int64_t y, float* out) const;

 private:
  PoolRow common_row() const;
  void set_row(PoolRow& t, const float* in, int64_t image, int64_t y) const;
  void run_planes(const float* in, float* out, float* scratch, int64_t begin, int64_t end) const;
};

using PoolSelection = std::variant<PoolPlan, std::string>;
PoolSelection select_pool(const PoolParams& params, Isa isa);

}  // namespace cycloid::kernels
