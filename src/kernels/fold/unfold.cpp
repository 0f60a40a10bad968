#include "kernels/fold/unfold.h"

#include <algorithm>
#include <cstddef>

namespace cycloid::kernels {
namespace {

// Positions that differ in the last axis only.
struct Run {
  int64_t at = 0, count = 0;  // in the panel
  int64_t last = 0;           // the first one's place in the last axis
};

// Runs are rows of images or parts of a panel, tens of elements: calls of memcpy() and memset() would take longer than these.
template <int kBytes>
void copy_bytes(const std::byte*& from, std::byte*& to, int64_t& bytes) {
  if (bytes < kBytes) return;
  __builtin_memcpy(to, from, kBytes);
  from += kBytes;
  to += kBytes;
  bytes -= kBytes;
}

template <class T>
void copy_run(const T* from, int64_t count, T* to) {
  const auto* source = reinterpret_cast<const std::byte*>(from);
  auto* target = reinterpret_cast<std::byte*>(to);
  int64_t bytes = count * static_cast<int64_t>(sizeof(T));
  while (bytes >= 64) copy_bytes<64>(source, target, bytes);
  copy_bytes<32>(source, target, bytes);
  copy_bytes<16>(source, target, bytes);
  copy_bytes<8>(source, target, bytes);
  copy_bytes<4>(source, target, bytes);
}

template <class T>
void zero_run(int64_t count, T* to) {
  static constexpr T kZeros[16] = {};
  for (; count > 16; count -= 16, to += 16) copy_run(kZeros, 16, to);
  copy_run(kZeros, count, to);
}

template <class T>
class Unfolding {
 public:
  Unfolding(const UnfoldParams& params, int64_t panel)
      : p_(params), panel_(panel), kernel_(params.kernel()), image_(params.image()) {
    for (int axis = 0; axis + 1 < p_.rank; ++axis) outer_taps_ *= p_.axes[static_cast<size_t>(axis)].kernel;
  }

  void run(const T* x, Run r, int64_t outer, T* to) const {
    const FoldAxis& a = p_.axes[static_cast<size_t>(p_.rank - 1)];
    for (int64_t tap = 0; tap < a.kernel; ++tap) {
      // Positions low to high - 1 of the run are inside.
      Inside inside{.place = r.last * a.stride + tap * a.dilation - a.pad, .low = 0, .high = 0};
      if (inside.place < 0) inside.low = std::min((-inside.place + a.stride - 1) / a.stride, r.count);
      if (inside.place < a.image) inside.high = std::min((a.image - 1 - inside.place) / a.stride + 1, r.count);
      inside.high = std::max(inside.low, inside.high);
      for (int64_t outer_tap = 0; outer_tap < outer_taps_; ++outer_tap)
        row_of_all_channels(x, base_of(outer_tap, outer), inside, r.count,
                            to + (outer_tap * a.kernel + tap) * panel_ + r.at);
    }
  }

 private:
  struct Inside {
    int64_t place;  // that the first position reads, in the row of the image
    int64_t low, high;
  };

  // Where the row of the image begins that an outer kernel element reads at an outer position; -1: in the padding.
  int64_t base_of(int64_t tap, int64_t outer) const {
    int64_t base = 0, step = p_.axes[static_cast<size_t>(p_.rank - 1)].image;
    for (int axis = p_.rank - 2; axis >= 0; --axis) {
      const FoldAxis& a = p_.axes[static_cast<size_t>(axis)];
      const int64_t place = outer % a.positions * a.stride + tap % a.kernel * a.dilation - a.pad;
      if (place < 0 || place >= a.image) return -1;
      base += place * step;
      step *= a.image;
      outer /= a.positions;
      tap /= a.kernel;
    }
    return base;
  }

  void row_of_all_channels(const T* x, int64_t base, const Inside& inside, int64_t count, T* to) const {
    const int64_t stride = p_.axes[static_cast<size_t>(p_.rank - 1)].stride, step = kernel_ * panel_;
    if (base < 0) {
      for (int64_t c = 0; c < p_.channels; ++c, to += step) zero_run(count, to);
      return;
    }
    const T* from = x + base + inside.place + inside.low * stride;
    const int64_t length = inside.high - inside.low;
    for (int64_t c = 0; c < p_.channels; ++c, to += step, from += image_) {
      zero_run(inside.low, to);
      if (stride == 1)
        copy_run(from, length, to + inside.low);
      else
        for (int64_t j = 0; j < length; ++j) to[inside.low + j] = from[j * stride];
      zero_run(count - inside.high, to + inside.high);
    }
  }

  const UnfoldParams& p_;
  const int64_t panel_, kernel_, image_;
  int64_t outer_taps_ = 1;
};

template <class T>
void unfold(const UnfoldParams& p, const T* x, int64_t first, int64_t count, int64_t panel, T* to) {
  if (count < panel) std::fill_n(to, p.channels * p.kernel() * panel, T{0});
  const Unfolding<T> unfolding(p, panel);
  const int64_t row = p.axes[static_cast<size_t>(p.rank - 1)].positions;
  for (int64_t at = 0; at < count;) {
    const int64_t last = (first + at) % row, length = std::min(count - at, row - last);
    unfolding.run(x, {.at = at, .count = length, .last = last}, (first + at) / row, to);
    at += length;
  }
}

}  // namespace

int64_t UnfoldParams::kernel() const {
  int64_t product = 1;
  for (int i = 0; i < rank; ++i) product *= axes[static_cast<size_t>(i)].kernel;
  return product;
}

int64_t UnfoldParams::positions() const {
  int64_t product = 1;
  for (int i = 0; i < rank; ++i) product *= axes[static_cast<size_t>(i)].positions;
  return product;
}

int64_t UnfoldParams::image() const {
  int64_t product = 1;
  for (int i = 0; i < rank; ++i) product *= axes[static_cast<size_t>(i)].image;
  return product;
}

void unfold_panel(const UnfoldParams& params, int64_t element_bytes, const void* x, int64_t first, int64_t count,
                  int64_t panel, void* to) {
  if (element_bytes == 4)
    unfold(params, static_cast<const uint32_t*>(x), first, count, panel, static_cast<uint32_t*>(to));
  else
    unfold(params, static_cast<const uint64_t*>(x), first, count, panel, static_cast<uint64_t*>(to));
}

}  // namespace cycloid::kernels
