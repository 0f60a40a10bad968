// Rows of A for the tiles: matrices whose rows are no whole number of steps, or are to be widened, and windows of images.
#include <algorithm>
#include <cstring>

#include "kernels/qgemm/qgemm_internal.h"

namespace cycloid::kernels::qgemm {
namespace {

// Writes runs of elements one after another, as bytes or as words less the zero point.
class RowWriter {
 public:
  RowWriter(const QgemmPlan& plan, int32_t zero, const uint8_t* end)
      : kernels_(*plan.kernels), is_signed_(plan.params.a_signed), zero_(zero), end_(end) {}

  void begin(char* to) { to_ = to; }

  void copy(const uint8_t* from, int64_t count) {
    if (kernels_.words) {
      kernels_.widen(from, is_signed_, zero_, count, reinterpret_cast<int16_t*>(to_));
      to_ += 2 * count;
    } else if (count <= 16 && from + 16 <= end_) {
      std::memcpy(to_, from,
                  16);  // one load and store; what is too much is written over, and there is room behind the last
      to_ += count;
    } else {
      std::memcpy(to_, from, static_cast<size_t>(count));
      to_ += count;
    }
  }

  void pad(int64_t count) {
    const int64_t bytes = kernels_.words ? 2 * count : count;
    std::memset(to_, kernels_.words ? 0 : zero_, static_cast<size_t>(bytes));
    to_ += bytes;
  }

 private:
  const QtileKernels& kernels_;
  const bool is_signed_;
  const int32_t zero_;
  const uint8_t* const end_;
  char* to_ = nullptr;
};

class Windows {
 public:
  Windows(const QgemmPlan& plan, const uint8_t* a, int32_t zero, int64_t group)
      : w_(*plan.params.window),
        channels_(w_.in_c / w_.groups),
        image_(a + group * channels_),
        merged_(w_.groups == 1 && w_.dilation_w == 1 && w_.in_stride == w_.in_c),
        writer_(plan, zero, a + ((w_.batch * w_.in_h * w_.in_w - 1) * w_.in_stride + w_.in_c)) {}

  void fill(int64_t n, int64_t y, int64_t x, char* to) {
    writer_.begin(to);
    const int64_t left = x * w_.stride_w - w_.pad_left;
    for (int64_t i = 0; i < w_.kernel_h; ++i) {
      const int64_t in_y = y * w_.stride_h - w_.pad_top + i * w_.dilation_h;
      if (in_y < 0 || in_y >= w_.in_h) {
        writer_.pad(w_.kernel_w * channels_);
        continue;
      }
      const uint8_t* row = image_ + (n * w_.in_h + in_y) * w_.in_w * w_.in_stride;
      if (merged_) {
        const int64_t begin = std::clamp<int64_t>(-left, 0, w_.kernel_w);
        const int64_t end = std::clamp<int64_t>(w_.in_w - left, begin, w_.kernel_w);
        if (begin > 0) writer_.pad(begin * channels_);
        if (end > begin) writer_.copy(row + (left + begin) * w_.in_stride, (end - begin) * channels_);
        if (end < w_.kernel_w) writer_.pad((w_.kernel_w - end) * channels_);
        continue;
      }
      for (int64_t j = 0; j < w_.kernel_w; ++j) {
        const int64_t in_x = left + j * w_.dilation_w;
        if (in_x < 0 || in_x >= w_.in_w) {
          writer_.pad(channels_);
        } else {
          writer_.copy(row + in_x * w_.in_stride, channels_);
        }
      }
    }
  }

 private:
  const QgemmWindow& w_;
  const int64_t channels_;
  const uint8_t* image_;
  const bool merged_;
  RowWriter writer_;
};

}  // namespace

void fill_rows(const QgemmPlan& plan, const uint8_t* a, int32_t a_zero, int64_t group, int64_t first, int64_t count,
               char* to) {
  const QgemmParams& p = plan.params;
  const int64_t bytes = row_bytes(plan), used = plan.kernels->words ? 2 * p.k : p.k;
  if (p.window) {
    Windows windows(plan, a, a_zero, group);
    const QgemmWindow& w = *p.window;
    int64_t x = first % w.out_w, y = first / w.out_w % w.out_h, n = first / (w.out_w * w.out_h);
    for (int64_t r = 0; r < count; ++r) {
      windows.fill(n, y, x, to + r * bytes);
      if (bytes > used) std::memset(to + r * bytes + used, 0, static_cast<size_t>(bytes - used));
      if (++x < w.out_w) continue;
      x = 0;
      if (++y == w.out_h) y = 0, ++n;
    }
    return;
  }
  RowWriter writer(plan, a_zero, a + (p.m - 1) * p.a_stride + p.k);
  for (int64_t r = 0; r < count; ++r) {
    writer.begin(to + r * bytes);
    writer.copy(a + (first + r) * p.a_stride, p.k);
    std::memset(to + r * bytes + used, 0, static_cast<size_t>(bytes - used));
  }
}

}  // namespace cycloid::kernels::qgemm
