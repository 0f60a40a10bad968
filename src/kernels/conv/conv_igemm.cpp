// Convolution as an indirect GEMM: rows are output pixels, columns are output channels, and the sum runs over taps and
// input channels. See igemm.h for the tile.
//
// Work unit (group, split, tile): `splits` parts of a group's panels, `tiles` tiles of pixels; the tile runs fastest.
// Packed memory: a row of zeros that taps outside the input point to; then per group its panels, each
// [taps][channels][width], and its bias.
#include <algorithm>
#include <cstring>

#include "base/aligned.h"
#include "kernels/conv/conv_kernels.h"
#include "kernels/igemm/igemm_shape.h"

namespace cycloid::kernels {
namespace {

// A window of few channels gives short inner loops (3 channels: 3 steps per tap). Where the taps of a window's row are
// adjacent in memory they are merged into one tap of kernel_w * in_c channels; windows that cross the left or right
// edge are copied, with zeros, to scratch.
constexpr int64_t kMergeChannels = 8;

bool merges_taps(const ConvParams& p) {
  return p.groups == 1 && p.in_c <= kMergeChannels && p.kernel_w > 1 && p.dilation_w == 1 && p.in_stride == p.in_c;
}

int64_t group_in(const ConvParams& p) { return p.in_c / p.groups; }
int64_t group_out(const ConvParams& p) { return p.out_c / p.groups; }
int64_t pixels(const ConvParams& p) { return p.batch * p.out_h * p.out_w; }

IgemmShape shape_of(const ConvPlan& plan) {
  IgemmShape shape{.rows = pixels(plan.params), .columns = group_out(plan.params)};
  shape.vectors = static_cast<int>(plan.vectors);
  shape.tiles = plan.tiles;
  shape.panels = plan.panels;
  shape.tile_rows = plan.tile_rows;
  return shape;
}

std::string configure(const ConvKernel& kernel, ConvPlan& plan) {
  const ConvParams& p = plan.params;
  plan.igemm = &igemm_kernels(kernel.isa);
  const IgemmShape shape = choose_igemm_shape(*plan.igemm, pixels(p), group_out(p));
  plan.vectors = shape.vectors;
  plan.tiles = shape.tiles;
  plan.panels = shape.panels;
  plan.tile_rows = shape.tile_rows;
  const bool merged = merges_taps(p);
  plan.taps = merged ? p.kernel_h : p.kernel_h * p.kernel_w;
  plan.channels = merged ? p.kernel_w * p.in_c : group_in(p);
  const int64_t sum = plan.taps * plan.channels;

  plan.zero_bytes = static_cast<int64_t>(align_up(static_cast<size_t>(plan.channels) * sizeof(float)));
  const int64_t columns = round_up(group_out(p), plan.igemm->lanes);
  plan.group_bytes = static_cast<int64_t>(align_up(static_cast<size_t>((sum + 1) * columns) * sizeof(float)));
  plan.packed_bytes = static_cast<size_t>(plan.zero_bytes + p.groups * plan.group_bytes);

  // A block of tiles is computed panel by panel, so that a panel that left L1 serves the whole block; the block's part
  // of A should stay in a quarter of L2, and its pointers in half of L1.
  const CpuInfo& cpu = cpu_info();
  const int64_t pointer_bytes = plan.taps * plan.tile_rows * static_cast<int64_t>(sizeof(float*));
  const int64_t a_bytes = plan.tile_rows * p.stride_h * p.stride_w * group_in(p) * static_cast<int64_t>(sizeof(float));
  plan.block_tiles = std::clamp<int64_t>(std::min(cpu.l2_bytes / 4 / a_bytes, cpu.l1d_bytes / 2 / pointer_bytes), 1, 64);
  if (merged || plan.group_bytes <= cpu.l1d_bytes / 2) plan.block_tiles = 1;
  plan.block_tiles = std::min(plan.block_tiles, plan.tiles);
  plan.scratch_bytes = align_up(static_cast<size_t>(plan.block_tiles * pointer_bytes));
  if (merged) plan.scratch_bytes += align_up(static_cast<size_t>(plan.tile_rows * sum) * sizeof(float));

  // Four units per thread keep the uneven last ones below a quarter of the time.
  plan.splits = std::clamp<int64_t>((4 * p.threads + plan.tiles - 1) / plan.tiles, 1, plan.panels);
  if (p.threads <= 1) plan.splits = 1;
  plan.units = p.groups * plan.splits * plan.tiles;
  plan.cost_flops = 2 * shape.cost * static_cast<double>(sum * p.groups);
  return {};
}

double cost(const ConvPlan& plan) {
  // Beside the sums: pointers (one load and some arithmetic per row and tap) and the store of each element.
  const double rows = static_cast<double>(pixels(plan.params) * plan.params.groups);
  const double lanes = plan.igemm->lanes;
  return plan.cost_flops / 2 + rows * lanes * (static_cast<double>(plan.taps) * 2 + static_cast<double>(plan.panels) * 4) +
         weight_streaming_cost(plan, static_cast<double>((plan.tiles + plan.block_tiles - 1) / plan.block_tiles));
}

void pack(const ConvPlan& plan, const float* weights, const float* bias, void* packed) {
  const ConvParams& p = plan.params;
  std::memset(packed, 0, plan.packed_bytes);
  const int64_t window = p.kernel_h * p.kernel_w, in = group_in(p), out = group_out(p);
  for (int64_t g = 0; g < p.groups; ++g) {
    float* to = reinterpret_cast<float*>(static_cast<char*>(packed) + plan.zero_bytes + g * plan.group_bytes);
    const float* from = weights + g * out * in * window;
    for (int64_t panel = 0; panel < plan.panels; ++panel) {
      const int64_t first = panel * plan.vectors * plan.igemm->lanes;
      const int64_t width = panel_width(*plan.igemm, static_cast<int>(plan.vectors), out, panel);
      for (int64_t tap = 0; tap < window; ++tap) {
        for (int64_t c = 0; c < in; ++c, to += width) {
          for (int64_t j = 0; j < std::min(width, out - first); ++j) to[j] = from[((first + j) * in + c) * window + tap];
        }
      }
    }
    if (bias != nullptr) std::copy_n(bias + g * out, out, to);
  }
}

// The pointers of one tile, [taps][rows of the tile].
class Pointers {
 public:
  Pointers(const ConvPlan& plan, const ConvArgs& args) : plan_(plan), p_(plan.params), args_(args) {}

  void fill(int64_t group, int64_t first, int64_t rows, const float** to, float* copies) const {
    const float* in = args_.in + group * group_in(p_);
    int64_t x = first % p_.out_w, y = first / p_.out_w % p_.out_h, n = first / (p_.out_w * p_.out_h);
    const bool merged = merges_taps(p_);
    for (int64_t r = 0; r < rows; ++r) {
      const float* image = in + n * p_.in_h * p_.in_w * p_.in_stride;
      if (merged) {
        fill_merged(image, y, x, rows, to + r, copies + r * plan_.taps * plan_.channels);
      } else {
        fill_window(image, y, x, rows, to + r);
      }
      if (++x == p_.out_w) {
        x = 0;
        if (++y == p_.out_h) y = 0, ++n;
      }
    }
  }

 private:
  const float* zeros() const { return static_cast<const float*>(args_.packed); }

  void fill_window(const float* image, int64_t y, int64_t x, int64_t rows, const float** to) const {
    const int64_t top = y * p_.stride_h - p_.pad_top, left = x * p_.stride_w - p_.pad_left;
    for (int64_t i = 0; i < p_.kernel_h; ++i) {
      const int64_t in_y = top + i * p_.dilation_h;
      const bool row_inside = in_y >= 0 && in_y < p_.in_h;
      const float* row = image + in_y * p_.in_w * p_.in_stride;
      for (int64_t j = 0; j < p_.kernel_w; ++j, to += rows) {
        const int64_t in_x = left + j * p_.dilation_w;
        *to = row_inside && in_x >= 0 && in_x < p_.in_w ? row + in_x * p_.in_stride : zeros();
      }
    }
  }

  void fill_merged(const float* image, int64_t y, int64_t x, int64_t rows, const float** to, float* copy) const {
    const int64_t top = y * p_.stride_h - p_.pad_top, left = x * p_.stride_w - p_.pad_left;
    const bool whole = left >= 0 && left + p_.kernel_w <= p_.in_w;
    const int64_t begin = std::clamp<int64_t>(-left, 0, p_.kernel_w);
    const int64_t end = std::clamp<int64_t>(p_.in_w - left, begin, p_.kernel_w);
    for (int64_t i = 0; i < p_.kernel_h; ++i, to += rows, copy += plan_.channels) {
      const int64_t in_y = top + i * p_.dilation_h;
      const float* row = image + (in_y * p_.in_w + left) * p_.in_c;
      if (in_y < 0 || in_y >= p_.in_h) {
        *to = zeros();
      } else if (whole) {
        *to = row;
      } else {
        std::fill(copy, copy + begin * p_.in_c, 0.0f);
        std::copy(row + begin * p_.in_c, row + end * p_.in_c, copy + begin * p_.in_c);
        std::fill(copy + end * p_.in_c, copy + plan_.channels, 0.0f);
        *to = copy;
      }
    }
  }

  const ConvPlan& plan_;
  const ConvParams& p_;
  const ConvArgs& args_;
};

// Tiles [begin, end) of one group, panels [panel_begin, panel_end).
void run_block(const ConvPlan& plan, const ConvArgs& args, int64_t group, int64_t begin, int64_t end,
               int64_t panel_begin, int64_t panel_end) {
  const ConvParams& p = plan.params;
  const IgemmShape shape = shape_of(plan);
  const auto pointers = static_cast<const float**>(args.scratch);
  const int64_t per_tile = plan.taps * plan.tile_rows;
  const auto copies =
      reinterpret_cast<float*>(static_cast<char*>(args.scratch) +
                               align_up(static_cast<size_t>(plan.block_tiles * per_tile) * sizeof(float*)));
  const Pointers rows_of(plan, args);
  for (int64_t t = begin; t < end; ++t) {
    const int64_t first = shape.tile_begin(t);
    rows_of.fill(group, first, shape.tile_begin(t + 1) - first, pointers + (t - begin) * per_tile, copies);
  }

  const int64_t out = group_out(p), sum = plan.taps * plan.channels;
  const int64_t full = plan.vectors * plan.igemm->lanes;
  const auto weights =
      reinterpret_cast<const float*>(static_cast<const char*>(args.packed) + plan.zero_bytes + group * plan.group_bytes);
  const float* bias = weights + sum * round_up(out, plan.igemm->lanes);
  const Epilogue epilogue(p.activation, p.has_residual, p.residual_last);

  IgemmTile tile{};
  tile.taps = plan.taps;
  tile.channels = plan.channels;
  tile.k_stride = 1;
  tile.residual_stride = p.residual_stride;
  tile.c_stride = p.out_stride;
  epilogue.set(tile);
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    const int64_t column = panel * full;
    tile.columns = std::min(full, out - column);
    tile.b = weights + sum * column;
    tile.b_stride = panel_width(*plan.igemm, static_cast<int>(plan.vectors), out, panel);
    tile.bias = bias + column;
    const IgemmFn* by_rows = plan.igemm->panels[tile.b_stride / plan.igemm->lanes - 1].by_rows;
    for (int64_t t = begin; t < end; ++t) {
      const int64_t first = shape.tile_begin(t), rows = shape.tile_begin(t + 1) - first;
      const int64_t channel = group * out + column;
      const float* residual = p.has_residual ? args.residual + first * p.residual_stride + channel : nullptr;
      tile.rows = pointers + (t - begin) * per_tile;
      tile.row_pointers = rows;
      tile.residual = epilogue.residual_in_tile ? residual : nullptr;
      tile.c = args.out + first * p.out_stride + channel;
      by_rows[rows - 1](tile);
      if (epilogue.post) epilogue.finish(*plan.igemm, tile, rows, channel, residual);
    }
  }
}

void run(const ConvPlan& plan, const ConvArgs& args, int64_t begin, int64_t end) {
  while (begin < end) {
    const int64_t tile = begin % plan.tiles, split = begin / plan.tiles % plan.splits;
    const int64_t group = begin / (plan.tiles * plan.splits);
    const int64_t tile_end = std::min({plan.tiles, tile + (end - begin), tile + plan.block_tiles});
    run_block(plan, args, group, tile, tile_end, split * plan.panels / plan.splits,
              (split + 1) * plan.panels / plan.splits);
    begin += tile_end - tile;
  }
}

}  // namespace

ConvKernel conv_igemm_kernel(std::string_view name, Isa isa) { return {name, isa, configure, pack, run, cost}; }

}  // namespace cycloid::kernels
