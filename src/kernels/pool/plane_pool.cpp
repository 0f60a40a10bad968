#include "kernels/pool/plane_pool.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

const PlanePoolBodies& bodies(Isa isa) { return CYCLOID_ISA_TABLE(isa, plane_pool_bodies); }

PlaneTerm term_of(PlanePoolKind kind) {
  switch (kind) {
    case PlanePoolKind::kMax: return PlaneTerm::kMax;
    case PlanePoolKind::kL1: return PlaneTerm::kSumOfSizes;
    case PlanePoolKind::kL2: return PlaneTerm::kSumOfSquares;
    default: return PlaneTerm::kSum;
  }
}

bool counts_taps(PlanePoolKind kind) {
  return kind == PlanePoolKind::kAverage || kind == PlanePoolKind::kAverageCountPadding;
}

// Taps of an axis at one output position that count.
int64_t taps_at(const PlanePoolParams& p, size_t axis, int64_t position) {
  const FoldAxis& a = p.axes[axis];
  const bool padding = p.kind == PlanePoolKind::kAverageCountPadding;
  const int64_t low = padding ? -a.pad : 0, high = a.image + (padding ? p.pad_end[axis] : 0);
  int64_t count = 0;
  for (int64_t tap = 0; tap < a.kernel; ++tap) {
    const int64_t place = position * a.stride + tap * a.dilation - a.pad;
    count += place >= low && place < high ? 1 : 0;
  }
  return count;
}

}  // namespace

PlanePoolPlan plan_plane_pool(const PlanePoolParams& params, Isa isa) {
  PlanePoolPlan plan{.params = params, .take = nullptr, .counts = {}};
  PlanePoolParams& p = plan.params;
  if (p.rank == 1) {  // another axis of size 1 before it
    p.axes[1] = p.axes[0];
    p.pad_end[1] = p.pad_end[0];
    p.axes[0] = {};
    p.pad_end[0] = 0;
    p.rank = 2;
  }
  const auto& of_type = bodies(isa).take[static_cast<int>(p.type)];
  plan.take = of_type[static_cast<int>(term_of(p.kind))];
  plan.join = of_type[static_cast<int>(p.kind == PlanePoolKind::kMax ? PlaneTerm::kMax : PlaneTerm::kSum)];
  const auto last = static_cast<size_t>(p.rank - 1);
  int64_t outer_kernel = 1;
  for (size_t axis = 0; axis <= last; ++axis) {
    const FoldAxis& a = p.axes[axis];
    plan.image *= a.image;
    plan.output *= a.positions;
    if (axis < last) outer_kernel *= a.kernel;
    if (axis + 1 < last) plan.units_each *= a.positions;
  }
  plan.taps.resize(static_cast<size_t>(outer_kernel) * last);
  for (int64_t tap = 0; tap < outer_kernel; ++tap) {
    int64_t element = tap;
    for (size_t axis = last; axis-- > 0;) {
      const FoldAxis& a = p.axes[axis];
      plan.taps[static_cast<size_t>(tap) * last + axis] = element % a.kernel * a.dilation - a.pad;
      element /= a.kernel;
    }
  }
  if (p.type == PlanePoolType::kFloat32 && (p.kind == PlanePoolKind::kMax || counts_taps(p.kind))) {
    const PoolBodies& rows = CYCLOID_ISA_TABLE(isa, pool_bodies);
    plan.join_rows = p.kind == PlanePoolKind::kMax ? rows.max_rows : rows.average_rows;
    plan.join_taps = p.kind == PlanePoolKind::kMax ? rows.max_taps : rows.average_taps;
  } else if (counts_taps(p.kind)) {
    for (int64_t j = 0; j < p.axes[last].positions; ++j) plan.counts.push_back(taps_at(p, last, j));
  }
  return plan;
}

// One row of the output: rows of the image are taken into one, whole vectors at a time, and its elements then.
template <class T>
void PlanePoolPlan::row(const T* plane, int64_t outer_position, T* scratch, T* y) const {
  const PlanePoolParams& p = params;
  const auto last = static_cast<size_t>(p.rank - 1);
  const FoldAxis& a = p.axes[last];
  const T nothing = p.kind == PlanePoolKind::kMax ? -std::numeric_limits<T>::infinity() : T{0};
  std::array<int64_t, kMaxFoldRank> start;
  int64_t position = outer_position;
  for (size_t axis = last; axis-- > 0;) {
    start[axis] = position % p.axes[axis].positions * p.axes[axis].stride;
    position /= p.axes[axis].positions;
  }
  std::fill_n(scratch, a.image, nothing);
  for (const int64_t* tap = taps.data(); tap < taps.data() + taps.size(); tap += last) {
    int64_t base = 0;
    bool inside = true;
    for (size_t axis = 0; axis < last; ++axis) {
      const int64_t place = start[axis] + tap[axis];
      inside = inside && place >= 0 && place < p.axes[axis].image;
      base = base * p.axes[axis].image + place;
    }
    if (inside) take(plane + base * a.image, 1, scratch, a.image);
  }
  std::fill_n(y, a.positions, nothing);
  for (int64_t k = 0; k < a.kernel; ++k) {
    const int64_t place = k * a.dilation - a.pad;
    const int64_t low = place >= 0 ? 0 : (-place + a.stride - 1) / a.stride;
    const int64_t high = place >= a.image ? 0 : std::min(a.positions, (a.image - 1 - place) / a.stride + 1);
    if (low < high) join(scratch + place + low * a.stride, a.stride, y + low, high - low);
  }
  if (p.kind == PlanePoolKind::kL2) {
    for (int64_t j = 0; j < a.positions; ++j) y[j] = std::sqrt(y[j]);
  }
  if (!counts_taps(p.kind)) return;
  int64_t outside = 1;
  position = outer_position;
  for (size_t axis = last; axis-- > 0;) {
    outside *= taps_at(p, axis, position % p.axes[axis].positions);
    position /= p.axes[axis].positions;
  }
  for (int64_t j = 0; j < a.positions; ++j) {
    const int64_t count = outside * counts[static_cast<size_t>(j)];
    y[j] = count == 0 ? T{0} : y[j] / static_cast<T>(count);
  }
}

int64_t PlanePoolPlan::row_floats() const {
  const FoldAxis& a = params.axes[static_cast<size_t>(params.rank - 1)];
  return (plane_scratch_floats(a.image, a.positions, a.kernel, a.stride, a.dilation, a.pad) + 15) / 16 * 16;
}

int64_t PlanePoolPlan::outer_taps() const {
  int64_t count = 1;
  for (int axis = 0; axis + 2 < params.rank; ++axis) count *= params.axes[static_cast<size_t>(axis)].kernel;
  return count;
}

// Of a unit, the outer taps that are inside the image are found once, of each of its rows the rows of the last axis but one.
void PlanePoolPlan::run_joined(const float* x, float* y, std::byte* scratch, int64_t begin, int64_t end) const {
  const PlanePoolParams& p = params;
  const auto last = static_cast<size_t>(p.rank - 1), outer = last - 1;
  const FoldAxis &a = p.axes[last], &b = p.axes[outer];
  const bool padding = p.kind == PlanePoolKind::kAverageCountPadding;
  PoolRow t{};
  t.in_w = a.image;
  t.kernel_w = a.kernel;
  t.stride_w = a.stride;
  t.dilation_w = a.dilation;
  t.pad_left = a.pad;
  t.count_padding = padding;
  t.counted_end = a.image + (padding ? p.pad_end[last] : 0);
  t.out_w = a.positions;
  const int64_t floats = row_floats();
  auto* const joined = reinterpret_cast<float*>(scratch);
  auto* const bases = reinterpret_cast<int64_t*>(joined + kPlaneRows * floats);
  auto* const rows = bases + outer_taps();
  t.rows = rows;
  for (int64_t unit = begin; unit < end; ++unit) {
    t.in = x + unit / units_each * image;
    t.out = y + unit * b.positions * a.positions;
    int64_t counted_outside = 1, count = 0;
    // Taps of all axes but the last differ in that of the last but one fastest.
    const int64_t stride = b.kernel * static_cast<int64_t>(last);
    for (const int64_t* tap = taps.data(); tap < taps.data() + taps.size(); tap += stride) {
      int64_t base = 0, step = b.image, position = unit % units_each;
      bool inside = true;
      for (size_t axis = outer; axis-- > 0;) {
        const FoldAxis& c = p.axes[axis];
        const int64_t place = position % c.positions * c.stride + tap[axis];
        inside = inside && place >= 0 && place < c.image;
        base += place * step;
        step *= c.image;
        position /= c.positions;
      }
      if (inside) bases[count++] = base * a.image;
    }
    if (p.kind != PlanePoolKind::kMax) {
      int64_t position = unit % units_each;
      for (size_t axis = outer; axis-- > 0;) {
        counted_outside *= taps_at(p, axis, position % p.axes[axis].positions);
        position /= p.axes[axis].positions;
      }
    }
    for (int64_t first = 0; first < b.positions; first += kPlaneRows) {
      const int64_t group = std::min(kPlaneRows, b.positions - first);
      int64_t counted_rows[kPlaneRows];
      for (int64_t i = 0; i < group; ++i) {
        const int64_t top = (first + i) * b.stride - b.pad;
        t.tap_rows = 0;
        for (int64_t place = top, k = 0; k < b.kernel; ++k, place += b.dilation) {
          if (place < 0 || place >= b.image) continue;
          for (int64_t j = 0; j < count; ++j) rows[t.tap_rows++] = bases[j] + place * a.image;
        }
        counted_rows[i] = p.kind == PlanePoolKind::kMax ? t.tap_rows : counted_outside * taps_at(p, outer, first + i);
        t.scratch = joined + i * floats;
        join_rows(t);
      }
      for (int64_t i = 0; i < group; ++i, t.out += a.positions) {
        t.counted_rows = counted_rows[i];
        t.scratch = joined + i * floats;
        join_taps(t);
      }
    }
  }
}

std::size_t PlanePoolPlan::scratch_bytes() const {
  if (join_rows != nullptr) {
    const int64_t taps_outside = outer_taps() * (1 + params.axes[static_cast<size_t>(params.rank - 2)].kernel);
    return static_cast<std::size_t>(kPlaneRows * row_floats()) * sizeof(float) +
           static_cast<std::size_t>(taps_outside) * sizeof(int64_t);
  }
  const std::size_t row = static_cast<std::size_t>(params.axes[static_cast<size_t>(params.rank - 1)].image) * 8;
  return (row + 63) / 64 * 64;
}

void PlanePoolPlan::run(const void* x, void* y, void* scratch, int64_t begin, int64_t end) const {
  if (join_rows != nullptr)
    return run_joined(static_cast<const float*>(x), static_cast<float*>(y), static_cast<std::byte*>(scratch), begin,
                      end);
  const auto last = static_cast<size_t>(params.rank - 1);
  const int64_t rows = params.axes[last - 1].positions, length = params.axes[last].positions;
  const auto all = [&]<class T>(T) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t plane = unit / units_each, first = unit % units_each * rows;
      for (int64_t r = first; r < first + rows; ++r)
        row(static_cast<const T*>(x) + plane * image, r, static_cast<T*>(scratch),
            static_cast<T*>(y) + plane * output + r * length);
    }
  };
  if (params.type == PlanePoolType::kFloat64)
    all(double{});
  else
    all(float{});
}

}  // namespace cycloid::kernels
