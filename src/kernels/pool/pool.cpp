#include "kernels/pool/pool.h"

#include <algorithm>

#include "base/aligned.h"
#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

std::string invalid(const PoolParams& p) {
  for (const int64_t size : {p.batch, p.in_h, p.in_w, p.channels, p.out_h, p.out_w, p.kernel_h, p.kernel_w, p.stride_h,
                             p.stride_w, p.dilation_h, p.dilation_w}) {
    if (size <= 0) return "a size, stride or dilation is not positive";
  }
  if (p.pad_top < 0 || p.pad_left < 0 || p.pad_bottom < 0 || p.pad_right < 0) return "negative padding";
  if (p.in_stride < p.channels || p.out_stride < p.channels) return "a pixel stride is smaller than the channels";
  return {};
}

// The name by kind and instruction set.
std::string_view name_of(PoolKind kind, Isa isa) {
  static constexpr std::string_view kNames[2][3] = {
      {"pool.max.scalar", "pool.max.avx2", "pool.max.avx512"},
      {"pool.average.scalar", "pool.average.avx2", "pool.average.avx512"},
  };
  return kNames[kind == PoolKind::kMax ? 0 : 1][static_cast<int>(isa)];
}

// Taps i of [0, count) with 0 <= first + i * step < size, as [begin, end).
struct Taps {
  int64_t begin, end;
};
Taps taps_inside(int64_t first, int64_t step, int64_t count, int64_t size) {
  if (step == 1) {  // the usual case, without a division
    const int64_t from = std::clamp<int64_t>(-first, 0, count);
    return {from, std::max(from, std::min(count, size - first))};
  }
  const int64_t begin = first < 0 ? std::min(count, (-first + step - 1) / step) : 0;
  const int64_t end = first >= size ? 0 : std::min(count, (size - first + step - 1) / step);
  return {begin, std::max(begin, end)};
}

}  // namespace

PoolSelection select_pool(const PoolParams& params, Isa isa) {
  PoolPlan plan;
  plan.params = params;
  PoolParams& p = plan.params;
  if (p.in_stride == 0) p.in_stride = p.channels;
  if (p.out_stride == 0) p.out_stride = p.channels;
  if (std::string reason = invalid(p); !reason.empty()) return reason;
  plan.bodies = &CYCLOID_ISA_TABLE(isa, pool_bodies);
  plan.name = name_of(p.kind, isa);
  if (p.planes) {
    const int64_t floats = plane_scratch_floats(p.in_w, p.out_w, p.kernel_w, p.stride_w, p.dilation_w, p.pad_left);
    plan.scratch_bytes = kPlaneRows * align_up(static_cast<size_t>(floats) * sizeof(float));
    plan.units = p.batch * p.channels * p.out_h;
    return plan;
  }
  const int64_t rows = p.batch * p.out_h, block = 4 * plan.bodies->lanes;
  if (p.threads > 1 && rows < 4 * p.threads) {
    plan.channel_blocks = std::clamp<int64_t>(p.channels / block, 1, (4 * p.threads + rows - 1) / rows);
  }
  plan.units = rows * plan.channel_blocks;
  return plan;
}

// What the rows of all images and planes have in common.
PoolRow PoolPlan::common_row() const {
  const PoolParams& p = params;
  const int64_t in_stride = p.planes ? 1 : p.in_stride;
  PoolRow t{};
  t.row_step = p.dilation_h * p.in_w * in_stride;
  t.column_step = p.dilation_w * in_stride;
  t.pixel_stride = in_stride;
  t.in_w = p.in_w;
  t.kernel_w = p.kernel_w;
  t.stride_w = p.stride_w;
  t.dilation_w = p.dilation_w;
  t.pad_left = p.pad_left;
  t.count_padding = p.kind == PoolKind::kAverageCountPadding;
  t.counted_end = t.count_padding ? p.in_w + p.pad_right : p.in_w;
  t.out_stride = p.out_stride;
  t.out_w = p.out_w;
  return t;
}

// The tap rows of output row y of an image or a plane.
void PoolPlan::set_row(PoolRow& t, const float* in, int64_t image, int64_t y) const {
  const PoolParams& p = params;
  const int64_t top = y * p.stride_h - p.pad_top;
  const Taps rows = taps_inside(top, p.dilation_h, p.kernel_h, p.in_h);
  t.in = in + (image * p.in_h + top + rows.begin * p.dilation_h) * p.in_w * t.pixel_stride;
  t.tap_rows = rows.end - rows.begin;
  t.counted_rows = t.tap_rows;
  if (t.count_padding) {
    const Taps counted = taps_inside(top + p.pad_top, p.dilation_h, p.kernel_h, p.pad_top + p.in_h + p.pad_bottom);
    t.counted_rows = counted.end - counted.begin;
  }
}

void PoolPlan::run_planes(const float* in, float* out, float* scratch, int64_t begin, int64_t end) const {
  const PoolParams& p = params;
  const bool max = p.kind == PoolKind::kMax;
  const PoolRowFn rows = max ? bodies->max_rows : bodies->average_rows,
                  taps = max ? bodies->max_taps : bodies->average_taps;
  const auto floats = static_cast<int64_t>(scratch_bytes / sizeof(float)) / kPlaneRows;
  PoolRow t = common_row();
  int64_t plane = begin / p.out_h, y = begin % p.out_h;
  for (int64_t unit = begin; unit < end; unit += kPlaneRows) {
    const int64_t count = std::min(kPlaneRows, end - unit);
    int64_t counted_rows[kPlaneRows];
    for (int64_t i = 0; i < count; ++i) {
      set_row(t, in, plane, y);
      counted_rows[i] = t.counted_rows;
      t.scratch = scratch + i * floats;
      rows(t);
      if (++y == p.out_h) {
        y = 0;
        ++plane;
      }
    }
    for (int64_t i = 0; i < count; ++i) {
      t.counted_rows = counted_rows[i];
      t.scratch = scratch + i * floats;
      t.out = out + (unit + i) * p.out_w;
      taps(t);
    }
  }
}

void PoolPlan::run(const float* in, float* out, void* scratch, int64_t begin, int64_t end) const {
  const PoolParams& p = params;
  if (p.planes) return run_planes(in, out, static_cast<float*>(scratch), begin, end);
  const int64_t block = 4 * bodies->lanes, wide = (p.channels + block - 1) / block;
  const PoolRowFn body = p.kind == PoolKind::kMax ? bodies->max : bodies->average;
  PoolRow t = common_row();
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t part = unit % channel_blocks, row = unit / channel_blocks;
    const int64_t channel = part * wide / channel_blocks * block;
    const int64_t channel_end = std::min(p.channels, (part + 1) * wide / channel_blocks * block);
    set_row(t, in, row / p.out_h, row % p.out_h);
    t.in += channel;
    t.out = out + row * p.out_w * p.out_stride + channel;
    t.channels = channel_end - channel;
    body(t);
  }
}

std::pair<int64_t, int64_t> PoolPlan::rows_for(int64_t y) const {
  const int64_t top = y * params.stride_h - params.pad_top;
  const Taps rows = taps_inside(top, 1, params.kernel_h, params.in_h);
  return {top + rows.begin, top + rows.end};
}

void PoolPlan::run_row(const float* ring, int64_t slots, int64_t y, float* out) const {
  PoolRow t = common_row();
  set_row(t, ring, 0, y);
  const int64_t slot = t.tap_rows == 0 ? 0 : rows_for(y).first % slots;
  t.in = ring + slot * t.row_step;
  t.wrap_row = slots - slot;
  t.wrap_step = slots * t.row_step;
  t.out = out;
  t.channels = params.channels;
  (params.kind == PoolKind::kMax ? bodies->max : bodies->average)(t);
}

}  // namespace cycloid::kernels
