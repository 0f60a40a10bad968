// Convolution of each channel by itself. The rows of the image that a row of the output needs are laid side by side, 4 bytes
// (or 2 words) to a step, so that one instruction sums over the window's height.
//
// Packed memory: [groups of rows][columns of the window][channels, in whole vectors][4 bytes], then per channel the sum of its
// packed weights. The zero points of the weights are taken from them, so what is left must fit (QgemmParams::b_fits).
#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "kernels/qgemm/qgemm_internal.h"

namespace cycloid::kernels::qgemm {
namespace {

constexpr int64_t kPixels = 16;  // sums that are finished at a time: 16 pixels of 256 channels are 16 KiB

struct Shape {
  explicit Shape(const QgemmPlan& plan)
      : w(*plan.params.window),
        lanes(plan.kernels->lanes),
        whole((w.in_c + lanes - 1) / lanes * lanes),
        rows_per_step(plan.kernels->words ? 2 : 4),
        row_groups((w.kernel_h + rows_per_step - 1) / rows_per_step),
        columns((w.out_w - 1) * w.stride_w + (w.kernel_w - 1) * w.dilation_w + 1),
        weight_bytes(row_groups * w.kernel_w * whole * 4),
        group_stride(columns * whole * 4) {}
  const QgemmWindow& w;
  int64_t lanes, whole, rows_per_step, row_groups, columns, weight_bytes, group_stride;
};

class DepthwiseRunner {
 public:
  DepthwiseRunner(const QgemmPlan& plan, const QgemmArgs& args) : plan_(plan), p_(plan.params), args_(args), s_(plan) {
    char* at = static_cast<char*>(args.scratch);
    x_ = at;
    at += align_up(static_cast<size_t>(s_.row_groups * s_.group_stride));
    sums_ = reinterpret_cast<int32_t*>(at);
    at += align_up(static_cast<size_t>(kPixels * s_.whole * 4));
    start_ = reinterpret_cast<int32_t*>(at);
    scale_ = reinterpret_cast<float*>(at + align_up(static_cast<size_t>(s_.whole * 4)));
    const auto* column_sums = reinterpret_cast<const int32_t*>(static_cast<const char*>(args.packed) +
                                                               align_up(static_cast<size_t>(s_.weight_bytes)));
    const int32_t zero = seen_zero(plan, args.a_zero);
    for (int64_t j = 0; j < s_.whole; ++j) {
      const int32_t bias = args.bias != nullptr && j < s_.w.in_c ? args.bias[j] : 0;
      start_[j] = bias - zero * column_sums[j];
    }
    if (p_.output != QgemmOutput::kInt32) fill_scales(args, 0, s_.w.in_c, s_.whole, scale_);
  }

  // Row `unit` of the output's images.
  void run(int64_t unit) {
    const int64_t n = unit / s_.w.out_h, y = unit % s_.w.out_h;
    for (int64_t g = 0; g < s_.row_groups; ++g) fill(n, y, g);
    for (int64_t pixel = 0; pixel < s_.w.out_w; pixel += kPixels) {
      const int64_t count = std::min(kPixels, s_.w.out_w - pixel);
      plan_.kernels->depthwise({.x = x_ + pixel * s_.w.stride_w * s_.whole * 4,
                                .group_stride = s_.group_stride,
                                .pixel_bytes = s_.whole * 4,
                                .groups = s_.row_groups,
                                .taps = s_.w.kernel_w,
                                .stride = s_.w.stride_w,
                                .dilation = s_.w.dilation_w,
                                .w = static_cast<const char*>(args_.packed),
                                .start = start_,
                                .c = sums_,
                                .pixels = count,
                                .channels = s_.w.in_c});
      finish(unit * s_.w.out_w + pixel, count);
    }
  }

 private:
  void fill(int64_t n, int64_t y, int64_t g) {
    const auto* image = static_cast<const uint8_t*>(args_.a) + n * s_.w.in_h * s_.w.in_w * s_.w.in_stride;
    QinterleaveRow row{
        .rows = {}, .is_signed = p_.a_signed, .zero = args_.a_zero, .channels = s_.w.in_c, .to = nullptr};
    const uint8_t* lines[4] = {};
    for (int64_t r = 0; r < s_.rows_per_step; ++r) {
      const int64_t tap = g * s_.rows_per_step + r, in_y = y * s_.w.stride_h - s_.w.pad_top + tap * s_.w.dilation_h;
      if (tap < s_.w.kernel_h && in_y >= 0 && in_y < s_.w.in_h) lines[r] = image + in_y * s_.w.in_w * s_.w.in_stride;
    }
    for (int64_t x = 0; x < s_.columns; ++x) {
      const int64_t in_x = x - s_.w.pad_left;
      const bool inside = in_x >= 0 && in_x < s_.w.in_w;
      for (int r = 0; r < 4; ++r)
        row.rows[r] = inside && lines[r] != nullptr ? lines[r] + in_x * s_.w.in_stride : nullptr;
      row.to = x_ + g * s_.group_stride + x * s_.whole * 4;
      plan_.kernels->interleave(row);
    }
  }

  void finish(int64_t pixel, int64_t count) {
    const int64_t at = pixel * p_.c_stride;
    if (p_.output == QgemmOutput::kInt32) {
      for (int64_t i = 0; i < count; ++i)
        std::copy_n(sums_ + i * s_.whole, s_.w.in_c, static_cast<int32_t*>(args_.c) + at + i * p_.c_stride);
      return;
    }
    const bool bytes = p_.output == QgemmOutput::kBytes;
    const int32_t low = p_.c_signed ? -128 : 0;
    const Qpost post{.c = sums_,
                     .c_stride = s_.whole,
                     .rows = count,
                     .columns = s_.w.in_c,
                     .scale = scale_,
                     .bias = args_.float_bias,
                     .zero = args_.c_zero,
                     .lo = low,
                     .hi = low + 255,
                     .y = static_cast<char*>(args_.c) + at * (bytes ? 1 : 4),
                     .y_stride = p_.c_stride};
    (bytes ? plan_.kernels->to_bytes : plan_.kernels->to_floats)(post);
  }

  const QgemmPlan& plan_;
  const QgemmParams& p_;
  const QgemmArgs& args_;
  const Shape s_;
  char* x_;
  int32_t* sums_;
  int32_t* start_;
  float* scale_;
};

}  // namespace

void configure_depthwise(QgemmPlan& plan) {
  const QgemmWindow& w = *plan.params.window;
  if (w.groups != w.in_c || plan.params.n != 1 || !plan.params.b_constant) return;
  if (!plan.params.b_fits && !plan.kernels->words) return;
  plan.depthwise = true;
  const Shape s(plan);
  plan.units = w.batch * w.out_h;
  plan.packed_bytes = align_up(static_cast<size_t>(s.weight_bytes)) + align_up(static_cast<size_t>(4 * s.whole));
  plan.scratch_bytes = align_up(static_cast<size_t>(s.row_groups * s.group_stride)) +
                       align_up(static_cast<size_t>(kPixels * s.whole * 4)) +
                       2 * align_up(static_cast<size_t>(s.whole * 4));
}

void pack_depthwise(const QgemmPlan& plan, const void* b, std::span<const int32_t> b_zeros, void* packed) {
  const Shape s(plan);
  std::memset(packed, 0, plan.packed_bytes);
  char* to = static_cast<char*>(packed);
  auto* sums = reinterpret_cast<int32_t*>(to + align_up(static_cast<size_t>(s.weight_bytes)));
  for (int64_t c = 0; c < s.w.in_c; ++c) {
    const int32_t zero = b_zeros.empty() ? 0 : b_zeros[b_zeros.size() == 1 ? 0 : static_cast<size_t>(c)];
    const Bsource source = source_of(plan, b, c);
    for (int64_t i = 0; i < s.w.kernel_h; ++i) {
      for (int64_t t = 0; t < s.w.kernel_w; ++t) {
        const int32_t x = source.at(i * s.w.kernel_w + t, 0) - zero;
        CYCLOID_CHECK(plan.kernels->words || (x >= -128 && x <= 127));
        char* step = to + ((i / s.rows_per_step * s.w.kernel_w + t) * s.whole + c) * 4;
        if (plan.kernels->words) {
          const auto word = static_cast<int16_t>(x);
          std::memcpy(step + i % s.rows_per_step * 2, &word, 2);
        } else {
          step[i % s.rows_per_step] = static_cast<char>(x);
          sums[c] += x;
        }
      }
    }
  }
}

void run_depthwise(const QgemmPlan& plan, const QgemmArgs& args, int64_t begin, int64_t end) {
  DepthwiseRunner runner(plan, args);
  for (int64_t unit = begin; unit < end; ++unit) runner.run(unit);
}

}  // namespace cycloid::kernels::qgemm
