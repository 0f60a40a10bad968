#include "kernels/fold/unfold.h"

#include <algorithm>

namespace cycloid::kernels {
namespace {

// Positions that differ in the last axis only.
struct Run {
  int64_t at = 0, count = 0;  // in the panel
  int64_t last = 0;           // the first one's place in the last axis
};

template <class T>
class Unfolding {
 public:
  Unfolding(const UnfoldParams& params, int64_t panel)
      : p_(params), panel_(panel), kernel_(params.kernel()), image_(params.image()) {}

  void run(const T* x, Run r, int64_t outer, T* to) const {
    const int outer_axes = p_.rank - 1;
    int64_t outer_taps = 1;
    for (int axis = 0; axis < outer_axes; ++axis) outer_taps *= p_.axes[static_cast<size_t>(axis)].kernel;
    const int64_t last_kernel = p_.axes[static_cast<size_t>(outer_axes)].kernel;
    for (int64_t tap = 0; tap < outer_taps; ++tap) {
      const int64_t base = base_of(tap, outer);
      T* rows = to + tap * last_kernel * panel_ + r.at;
      for (int64_t c = 0; c < p_.channels; ++c, rows += kernel_ * panel_)
        taps_of_row(base < 0 ? nullptr : x + c * image_ + base, r, rows);
    }
  }

 private:
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

  void taps_of_row(const T* row, const Run& r, T* to) const {
    const FoldAxis& a = p_.axes[static_cast<size_t>(p_.rank - 1)];
    for (int64_t tap = 0; tap < a.kernel; ++tap, to += panel_) {
      if (row == nullptr) {
        std::fill_n(to, r.count, T{0});
        continue;
      }
      // Positions low to high - 1 of the run are inside.
      const int64_t place = r.last * a.stride + tap * a.dilation - a.pad;
      const int64_t low = std::clamp<int64_t>(place >= 0 ? 0 : (-place + a.stride - 1) / a.stride, 0, r.count);
      const int64_t high =
          std::clamp<int64_t>(place >= a.image ? 0 : (a.image - 1 - place) / a.stride + 1, low, r.count);
      const T* from = row + place;
      std::fill_n(to, low, T{0});
      if (a.stride == 1)
        std::copy(from + low, from + high, to + low);
      else
        for (int64_t j = low; j < high; ++j) to[j] = from[j * a.stride];
      std::fill(to + high, to + r.count, T{0});
    }
  }

  const UnfoldParams& p_;
  const int64_t panel_, kernel_, image_;
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
