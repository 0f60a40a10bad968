#include "kernels/fold/fold.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

constexpr int64_t kBytes[] = {4, 8, 1, 2, 4, 8};  // by FoldType

// The positions [begin, end) at which element k of the window lies in [first, last).
struct Positions {
  int64_t begin = 0, end = 0;

  Positions(const FoldAxis& a, int64_t k, int64_t first, int64_t last) {
    const int64_t shift = a.pad - k * a.dilation;
    begin = std::clamp<int64_t>(up(first + shift, a.stride), 0, a.positions);
    end = std::clamp<int64_t>(up(last + shift, a.stride), begin, a.positions);
  }
  static int64_t up(int64_t n, int64_t by) { return n <= 0 ? 0 : (n + by - 1) / by; }
};

// One kernel element of one unit.
struct Element {
  const FoldPlan& plan;
  const int64_t* k;     // of each axis
  int64_t first, last;  // rows of the first axis

  // Axes from `axis` on; x and y are where the part that the outer axes chose begins.
  void add(int axis, const std::byte* x, std::byte* y, int64_t x_size, int64_t y_size) const {
    const FoldAxis& a = plan.axes[static_cast<size_t>(axis)];
    const Positions at(a, k[axis], axis == 0 ? first : 0, axis == 0 ? last : a.image);
    if (at.begin == at.end) return;
    const int64_t x_step = x_size / a.positions, y_step = y_size / a.image;  // elements from position to position
    const int64_t place = at.begin * a.stride + k[axis] * a.dilation - a.pad;
    x += at.begin * x_step * plan.element_bytes;
    y += place * y_step * plan.element_bytes;
    if (axis + 2 < plan.rank) {
      for (int64_t i = at.begin; i < at.end; ++i) {
        add(axis + 1, x, y, x_step, y_step);
        x += x_step * plan.element_bytes;
        y += a.stride * y_step * plan.element_bytes;
      }
      return;
    }
    const FoldAxis& c = plan.axes[static_cast<size_t>(axis) + 1];
    const Positions columns(c, k[axis + 1], 0, c.image);
    const int64_t column = columns.begin * c.stride + k[axis + 1] * c.dilation - c.pad;
    if (columns.begin == columns.end) return;
    plan.add_rows({.x = x + columns.begin * plan.element_bytes,
                   .x_stride = x_step,
                   .y = y + column * plan.element_bytes,
                   .y_stride = a.stride * y_step,
                   .y_step = c.stride,
                   .rows = at.end - at.begin,
                   .columns = columns.end - columns.begin});
  }
};

}  // namespace

FoldPlan plan_fold(const FoldAxis* axes, int rank, FoldType type, Isa isa) {
  FoldPlan plan;
  plan.rank = std::max(rank, 2);
  std::copy_n(axes, rank, plan.axes.begin() + (plan.rank - rank));
  plan.element_bytes = kBytes[static_cast<size_t>(type)];
  for (int i = 0; i < plan.rank; ++i) {
    plan.kernel *= plan.axes[static_cast<size_t>(i)].kernel;
    plan.positions *= plan.axes[static_cast<size_t>(i)].positions;
    plan.image *= plan.axes[static_cast<size_t>(i)].image;
  }
  // Half of an L1 of 32 KB: the other half is for the columns that pass through.
  constexpr int64_t kUnitBytes = 16384;
  const int64_t rows = plan.axes[0].image, row_bytes = plan.image / rows * plan.element_bytes;
  plan.rows_each = std::clamp<int64_t>(kUnitBytes / row_bytes, 1, rows);
  plan.parts = (rows + plan.rows_each - 1) / plan.rows_each;
  const FoldBodies& bodies = CYCLOID_ISA_TABLE(isa, fold_bodies);
  plan.add_rows = bodies.add_rows[static_cast<size_t>(type)];
  return plan;
}

void FoldPlan::run(const void* x, void* y, int64_t begin, int64_t end) const {
  const int64_t row_bytes = image / axes[0].image * element_bytes;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t plane = unit / parts, first = unit % parts * rows_each;
    const int64_t last = std::min(first + rows_each, axes[0].image);
    std::byte* to = static_cast<std::byte*>(y) + plane * image * element_bytes;
    const std::byte* from = static_cast<const std::byte*>(x) + plane * kernel * positions * element_bytes;
    std::memset(to + first * row_bytes, 0, static_cast<size_t>((last - first) * row_bytes));
    std::array<int64_t, kMaxFoldRank> k{};
    for (int64_t element = 0; element < kernel; ++element, from += positions * element_bytes) {
      Element{*this, k.data(), first, last}.add(0, from, to, positions, image);
      for (int i = rank - 1; i >= 0 && ++k[static_cast<size_t>(i)] == axes[static_cast<size_t>(i)].kernel; --i)
        k[static_cast<size_t>(i)] = 0;
    }
  }
}

}  // namespace cycloid::kernels
