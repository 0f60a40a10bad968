// Convolution of few channels, as in the first layer of a network: rows of the register tile are pixels of one output row, and
// the sum runs over all taps and channels at once, each at a fixed distance from the window's corner (IgemmTile::offsets). The
// input may be channels-first, as models take it: then nothing is laid out anew.
//
// Where windows reach into the padding, the input rows of an output row are copied to scratch with zeros around them.
//
// Work unit: an output row of an image.
// Packed memory: panels, each [taps * channels][width]; bias; the offset of each step of the sum.
#include <algorithm>
#include <cstring>

#include "base/aligned.h"
#include "kernels/conv/conv_kernels.h"
#include "kernels/igemm/igemm_shape.h"

namespace cycloid::kernels {
namespace {

constexpr int64_t kFloat = sizeof(float);
constexpr int64_t kMostChannels = 8;

// Pixels of an input row that the windows of an output row cover, from -pad_left on.
int64_t line_pixels(const ConvParams& p) { return (p.out_w - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w + 1; }

bool copies(const ConvParams& p) {
  const int64_t last_row = (p.out_h - 1) * p.stride_h + (p.kernel_h - 1) * p.dilation_h;
  return p.pad_top > 0 || p.pad_left > 0 || last_row >= p.in_h || line_pixels(p) > p.in_w;
}

// Floats from pixel to pixel of a row, in the input and where the sum finds it.
int64_t input_step(const ConvParams& p) { return p.channels_first ? 1 : p.in_stride; }
int64_t pixel_step(const ConvParams& p) { return p.channels_first ? 1 : copies(p) ? p.in_c : p.in_stride; }
int64_t copied_floats(const ConvParams& p) { return copies(p) ? p.kernel_h * p.in_c * line_pixels(p) : 0; }

// Of a tap (i, j) and channel c, from the window's corner.
int64_t offset_of(const ConvParams& p, int64_t i, int64_t j, int64_t c) {
  const int64_t column = j * p.dilation_w * pixel_step(p), channel = p.channels_first ? 0 : c;
  if (!copies(p)) {
    const int64_t row = i * p.dilation_h * p.in_w * input_step(p);
    return row + column + (p.channels_first ? c * p.in_h * p.in_w : channel);
  }
  const int64_t line = p.channels_first ? (i * p.in_c + c) * line_pixels(p) : i * line_pixels(p) * p.in_c;
  return line + column + channel;
}

int64_t sum_length(const ConvParams& p) { return p.kernel_h * p.kernel_w * p.in_c; }
int64_t packed_columns(const ConvPlan& plan) { return round_up(plan.params.out_c, plan.igemm->lanes); }

std::string configure(const ConvKernel& kernel, ConvPlan& plan) {
  const ConvParams& p = plan.params;
  if (p.groups != 1) return "stem: grouped";
  if (p.in_c > kMostChannels) return "stem: more than 8 channels";
  if (p.kernel_h * p.kernel_w == 1 && !p.channels_first) return "stem: one tap";
  if (p.in_c * p.in_h * p.in_w * p.in_stride > INT32_MAX) return "stem: an image beyond the offsets";
  plan.igemm = &igemm_kernels(kernel.isa);
  const IgemmShape shape = choose_igemm_shape(*plan.igemm, p.out_w, p.out_c, p.panel_vectors);
  if (!set_tiles(plan, shape)) return "stem: no register tile of the width asked for";
  plan.channels = sum_length(p);
  const int64_t offsets = round_up(plan.channels, plan.igemm->lanes);
  plan.packed_bytes = align_up(static_cast<size_t>(((plan.channels + 1) * packed_columns(plan) + offsets) * kFloat));
  plan.scratch_bytes = align_up(static_cast<size_t>(copied_floats(p) * kFloat));
  plan.units = p.batch * p.out_h;
  plan.cost_flops = 2 * shape.cost * static_cast<double>(plan.channels * plan.units);
  return {};
}

constexpr double kTileCycles = 40;  // of a tile beside its sums: pixels follow each other, and weights are near

double cost(const ConvPlan& plan) {
  const double calls = static_cast<double>(plan.tiles * plan.panels), floats = copied_floats(plan.params);
  return plan.cost_flops / 2 + kCostPerCycle * static_cast<double>(plan.units) * (calls * kTileCycles + floats / 8);
}

void pack(const ConvPlan& plan, const float* weights, const float* bias, void* packed) {
  const ConvParams& p = plan.params;
  std::memset(packed, 0, plan.packed_bytes);
  float* to = static_cast<float*>(packed);
  for (int64_t panel = 0; panel < plan.panels; ++panel) {
    const int64_t first = panel * plan.vectors * plan.igemm->lanes;
    const int64_t width = panel_width(*plan.igemm, static_cast<int>(plan.vectors), p.out_c, panel);
    for (int64_t i = 0; i < p.kernel_h; ++i) {
      for (int64_t c = 0; c < p.in_c; ++c) {
        for (int64_t j = 0; j < p.kernel_w; ++j, to += width) {
          for (int64_t o = 0; o < std::min(width, p.out_c - first); ++o)
            to[o] = weights[(((first + o) * p.in_c + c) * p.kernel_h + i) * p.kernel_w + j];
        }
      }
    }
  }
  if (bias != nullptr) std::copy_n(bias, p.out_c, to);
  auto* offsets = reinterpret_cast<int32_t*>(to + packed_columns(plan));
  for (int64_t i = 0; i < p.kernel_h; ++i) {
    for (int64_t c = 0; c < p.in_c; ++c) {
      for (int64_t j = 0; j < p.kernel_w; ++j) *offsets++ = static_cast<int32_t>(offset_of(p, i, j, c));
    }
  }
}

// `pixels` pixels of `step` floats from `from`, densely, with zeros before and after: the line's pixel 0 is -pad_left.
void copy_line(const ConvParams& p, const float* from, int64_t step, int64_t channels, float* to) {
  const int64_t length = line_pixels(p), inside = std::clamp<int64_t>(length - p.pad_left, 0, p.in_w);
  const int64_t before = std::min(length, p.pad_left);
  std::fill_n(to, before * channels, 0.0f);
  to += before * channels;
  if (step == channels) {
    std::memcpy(to, from, static_cast<size_t>(inside * channels * kFloat));
    to += inside * channels;
  } else {
    for (int64_t x = 0; x < inside; ++x, from += step, to += channels) std::copy_n(from, channels, to);
  }
  std::fill_n(to, (length - before - inside) * channels, 0.0f);
}

// Where the windows of output row y begin.
const float* find_lines(const ConvPlan& plan, const ConvArgs& args, int64_t image, int64_t y) {
  const ConvParams& p = plan.params;
  const int64_t plane = p.in_h * p.in_w, row = p.in_w * input_step(p);
  const float* in = args.in + image * plane * (p.channels_first ? p.in_c : p.in_stride);
  if (!copies(p)) return in + y * p.stride_h * row;
  float* const lines = static_cast<float*>(args.scratch);
  const int64_t length = line_pixels(p), planes = p.channels_first ? p.in_c : 1, channels = p.in_c / planes;
  for (int64_t i = 0; i < p.kernel_h; ++i) {
    const int64_t in_y = y * p.stride_h - p.pad_top + i * p.dilation_h;
    float* to = lines + i * p.in_c * length;
    if (in_y < 0 || in_y >= p.in_h) {
      std::fill_n(to, p.in_c * length, 0.0f);
      continue;
    }
    for (int64_t c = 0; c < planes; ++c)
      copy_line(p, in + c * plane + in_y * row, input_step(p), channels, to + c * length);
  }
  return lines;
}

// `near`: `out` is in L2 or nearer.
void compute_row(const ConvPlan& plan, const ConvArgs& args, int64_t image, int64_t y, float* out, bool near) {
  const ConvParams& p = plan.params;
  const Epilogue epilogue(p.activation, p.has_residual, p.residual_last);
  const auto* weights = static_cast<const float*>(args.packed);
  const float* bias = weights + plan.channels * packed_columns(plan);
  const float* lines = find_lines(plan, args, image, y);
  const float* first = nullptr;
  const int64_t step = p.stride_w * pixel_step(p), full = plan.vectors * plan.igemm->lanes;
  IgemmTile tile{};
  tile.rows = &first;
  tile.row_stride = step;
  tile.offsets = reinterpret_cast<const int32_t*>(bias + packed_columns(plan));
  tile.taps = 1;
  tile.channels = plan.channels;
  tile.k_stride = 1;
  tile.c_stride = p.out_stride;
  tile.c_near = near;
  tile.residual_stride = p.residual_stride;
  for (int64_t panel = 0; panel < plan.panels; ++panel) {
    const int64_t channel = panel * full;
    tile.columns = std::min(full, p.out_c - channel);
    tile.b = weights + plan.channels * channel;
    tile.b_stride = panel_width(*plan.igemm, static_cast<int>(plan.vectors), p.out_c, panel);
    tile.bias = bias + channel;
    epilogue.set(tile, channel);
    const IgemmFn* by_rows = plan.igemm->panels[tile.b_stride / plan.igemm->lanes - 1].by_rows;
    for (int64_t t = 0; t < plan.tiles; ++t) {
      const int64_t x = t * p.out_w / plan.tiles, rows = (t + 1) * p.out_w / plan.tiles - x;
      const int64_t pixel = (image * p.out_h + y) * p.out_w + x;
      const float* residual = p.has_residual ? args.residual + pixel * p.residual_stride + channel : nullptr;
      first = lines + x * step;
      tile.row_pointers = rows;
      tile.residual = epilogue.residual_in_body ? residual : nullptr;
      tile.c = out + x * p.out_stride + channel;
      by_rows[rows - 1](tile);
      if (epilogue.post) epilogue.finish(*plan.igemm, tile, rows, channel, residual);
    }
  }
}

void run(const ConvPlan& plan, const ConvArgs& args, int64_t begin, int64_t end) {
  const ConvParams& p = plan.params;
  for (int64_t row = begin; row < end; ++row)
    compute_row(plan, args, row / p.out_h, row % p.out_h, args.out + row * p.out_w * p.out_stride, false);
}

void run_rows(const ConvPlan& plan, const ConvArgs& args, int64_t image, int64_t begin, int64_t end, float* out) {
  for (int64_t y = begin; y < end; ++y, out += plan.params.out_w * plan.params.out_stride)
    compute_row(plan, args, image, y, out, true);
}

}  // namespace

ConvKernel conv_stem_kernel(std::string_view name, Isa isa) {
  return {name, isa, configure, pack, run, cost, run_rows};
}

}  // namespace cycloid::kernels
