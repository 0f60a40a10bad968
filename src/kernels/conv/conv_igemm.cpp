// Convolution as an indirect GEMM: rows are output pixels, columns are output channels, and the sum runs over taps and
// input channels. See igemm.h for the tile.
//
// Work unit (group, split, tile): `splits` parts of a group's panels, `tiles` tiles of pixels; the tile runs fastest. Where
// threads divide weights, not pixels (divides_weights), a unit is all tiles of a split.
// Packed memory: a row of zeros that taps outside the input point to; then per group its panels, each
// [taps][channels][width], and its bias. Where a group has few outputs, `fold` channels are a row of the one panel (igemm.h).
#include <algorithm>
#include <cstring>

#include "base/aligned.h"
#include "kernels/conv/conv_kernels.h"
#include "kernels/igemm/igemm_shape.h"

namespace cycloid::kernels {
namespace {

constexpr int64_t kFloat = sizeof(float);

// Output pixel i is made of input pixel i alone.
bool pointwise(const ConvParams& p) {
  return p.kernel_h == 1 && p.kernel_w == 1 && p.stride_h == 1 && p.stride_w == 1 && p.pad_top == 0 &&
         p.pad_left == 0 && p.out_h == p.in_h && p.out_w == p.in_w;
}

// Pixels 4 KiB apart share one set of L1, so the rows of a tile would push each other out at every step of the sum;
// such pixels are copied to scratch, spread.
bool copies_pixels(const ConvParams& p) { return pointwise(p) && p.in_stride * kFloat % 4096 == 0; }

// Floats from row to row of the copies: an odd number of cache lines.
int64_t copy_stride(const ConvPlan& plan) { return (plan.channels + 31) / 32 * 32 + 16; }

// IgemmTile::row_stride
int64_t row_stride(const ConvPlan& plan) {
  return !pointwise(plan.params) ? 0 : copies_pixels(plan.params) ? copy_stride(plan) : plan.params.in_stride;
}

int64_t group_in(const ConvParams& p) { return p.in_c / p.groups; }
int64_t group_out(const ConvParams& p) { return p.out_c / p.groups; }
// Rows of a panel.
int64_t sum_rows(const ConvPlan& plan) { return plan.taps * ((plan.channels + plan.fold - 1) / plan.fold); }

// Tiles that fetch a panel one vector wide: each a line for every two steps (IgemmTile::next).
constexpr int64_t kTilesForPanel = 2;

// Weights come from beyond L2.
bool far_weights(const ConvPlan& plan) { return plan.params.weights_far || plan.group_bytes > cpu_info().l2_bytes / 2; }

// Threads that share the pixels each fetch all weights from afar. Where a thread's tiles are too few to fetch the next panel while
// they use one, they share the panels instead, and each reads all pixels.
bool divides_weights(const ConvPlan& plan) {
  const ConvParams& p = plan.params;
  const int64_t pixel_bytes = pixels(p) * group_in(p) * p.stride_h * p.stride_w * kFloat;
  const int64_t uneven = round_up(plan.panels, p.threads) - plan.panels;
  return p.threads > 1 && far_weights(plan) && plan.fold == 1 &&
         plan.tiles < kTilesForPanel * plan.vectors * p.threads && plan.block_tiles == plan.tiles &&
         plan.group_bytes > 2 * pixel_bytes && 8 * uneven <= plan.panels;
}

std::string configure(const ConvKernel& kernel, ConvPlan& plan) {
  const ConvParams& p = plan.params;
  if (p.channels_first) return "igemm: the input is channels-first";
  plan.igemm = &igemm_kernels(kernel.isa);
  if (p.panel_vectors == 0) plan.fold = choose_fold(*plan.igemm, group_out(p), group_in(p));
  const IgemmShape shape = plan.fold > 1
                               ? fold_shape(*plan.igemm, pixels(p), group_out(p), p.threads)
                               : choose_igemm_shape(*plan.igemm, pixels(p), group_out(p), p.panel_vectors, p.threads);
  if (!set_tiles(plan, shape)) return "igemm: no register tile of the width asked for";
  plan.taps = p.kernel_h * p.kernel_w;
  plan.channels = group_in(p);
  const int64_t sum = sum_rows(plan);

  plan.zero_bytes = static_cast<int64_t>(align_up(static_cast<size_t>(plan.channels * kFloat)));
  const int64_t columns = round_up(group_out(p), plan.igemm->lanes);
  plan.group_bytes = static_cast<int64_t>(align_up(static_cast<size_t>((sum + 1) * columns * kFloat)));
  plan.packed_bytes = static_cast<size_t>(plan.zero_bytes + p.groups * plan.group_bytes);

  // A block of tiles is computed panel by panel, so that a panel that left L1 serves the whole block. The block's part
  // of A should stay in a quarter of L2, or, where all weights stay in half of L1, in the other half; its pointers
  // always in half of L1.
  const CpuInfo& cpu = cpu_info();
  const int64_t pointer_bytes = plan.taps * plan.tile_rows * static_cast<int64_t>(sizeof(float*));
  const int64_t a_bytes = plan.tile_rows * p.stride_h * p.stride_w * group_in(p) * kFloat;
  const int64_t room = plan.group_bytes <= cpu.l1d_bytes / 2 ? cpu.l1d_bytes / 2 : cpu.l2_bytes / 4;
  plan.block_tiles = std::clamp<int64_t>(std::min(room / a_bytes, cpu.l1d_bytes / 2 / pointer_bytes), 1, 64);
  plan.block_tiles = std::min(plan.block_tiles, plan.tiles);
  plan.scratch_bytes = align_up(static_cast<size_t>(plan.block_tiles * pointer_bytes));
  if (copies_pixels(p)) {
    plan.scratch_bytes += align_up(static_cast<size_t>(plan.block_tiles * plan.tile_rows * copy_stride(plan) * kFloat));
  }

  plan.unit_tiles = divides_weights(plan) ? plan.tiles : 1;
  plan.splits = panel_splits(plan.tiles / plan.unit_tiles, plan.panels, p.threads);
  plan.units = p.groups * plan.splits * (plan.tiles / plan.unit_tiles);
  plan.cost_flops = 2 * shape.cost * static_cast<double>(sum * p.groups);
  return {};
}

double cost(const ConvPlan& plan) {
  // Beside the sums: pointers (one load and some arithmetic per row and tap), in each tile their loads and the loop over each
  // tap, and the store of each element.
  const double rows = static_cast<double>(pixels(plan.params) * plan.params.groups);
  const double passes = static_cast<double>((plan.tiles + plan.block_tiles - 1) / plan.block_tiles);
  const double panels = static_cast<double>(plan.panels), taps = static_cast<double>(plan.taps);
  const double tile_taps =
      pointwise(plan.params) ? 0 : taps * panels * (rows * 0.6 + static_cast<double>(plan.tiles) * 5);
  return std::max(plan.cost_flops / 2, weight_streaming_cost(plan, passes)) +
         kCostPerCycle * (rows * (taps * 1.5 + panels * 4) + tile_taps);
}

// The one panel of a group whose rows hold plan.fold channels each.
float* pack_folded(const ConvPlan& plan, const float* from, float* to) {
  const int64_t taps = plan.taps, in = plan.channels, out = group_out(plan.params);
  for (int64_t tap = 0; tap < taps; ++tap) {
    for (int64_t k = 0; k < in; k += plan.fold, to += plan.igemm->lanes) {
      for (int64_t j = 0; j < out; ++j) {
        for (int64_t i = 0; i < std::min(plan.fold, in - k); ++i)
          to[j * plan.fold + i] = from[(j * in + k + i) * taps + tap];
      }
    }
  }
  return to;
}

void pack(const ConvPlan& plan, const float* weights, const float* bias, void* packed) {
  const ConvParams& p = plan.params;
  std::memset(packed, 0, plan.packed_bytes);
  const int64_t window = p.kernel_h * p.kernel_w, in = group_in(p), out = group_out(p);
  for (int64_t g = 0; g < p.groups; ++g) {
    float* to = reinterpret_cast<float*>(static_cast<char*>(packed) + plan.zero_bytes + g * plan.group_bytes);
    const float* from = weights + g * out * in * window;
    if (plan.fold > 1) to = pack_folded(plan, from, to);
    for (int64_t panel = 0; plan.fold == 1 && panel < plan.panels; ++panel) {
      const int64_t first = panel * plan.vectors * plan.igemm->lanes;
      const int64_t width = panel_width(*plan.igemm, static_cast<int>(plan.vectors), out, panel);
      for (int64_t tap = 0; tap < window; ++tap) {
        for (int64_t c = 0; c < in; ++c, to += width) {
          for (int64_t j = 0; j < std::min(width, out - first); ++j)
            to[j] = from[((first + j) * in + c) * window + tap];
        }
      }
    }
    if (bias != nullptr) std::copy_n(bias + g * out, out, to);
  }
}

// Output columns [begin, end) for which a tap's input column is inside the input.
struct Columns {
  int64_t begin, end;
};
Columns inside_columns(const ConvParams& p, int64_t offset) {
  // 0 <= x * stride + offset <= in_w - 1
  const int64_t begin = offset < 0 ? (-offset + p.stride_w - 1) / p.stride_w : 0;
  const int64_t room = p.in_w - 1 - offset;
  return {begin, room < 0 ? 0 : room / p.stride_w + 1};
}

// The pointers of one tile, [taps][rows of the tile].
class Pointers {
 public:
  Pointers(const ConvPlan& plan, const ConvArgs& args)
      : plan_(plan), p_(plan.params), args_(args), adjacent_(pointwise(p_)), copies_(copies_pixels(p_)) {
    if (!adjacent_) {
      for (int64_t j = 0; j < std::min<int64_t>(p_.kernel_w, kKnownTaps); ++j) inside_[j] = inside(j);
    }
  }

  void fill(int64_t group, int64_t first, int64_t rows, const float** to, float* copies) const {
    const float* in = args_.in + group * group_in(p_);
    if (adjacent_) {  // rows lie row_stride() apart
      const float* pixels = in + first * p_.in_stride;
      to[0] = copies_ ? copies : pixels;
      for (int64_t r = 0; copies_ && r < rows; ++r) {
        std::memcpy(copies + r * copy_stride(plan_), pixels + r * p_.in_stride,
                    static_cast<size_t>(plan_.channels * kFloat));
      }
      return;
    }
    int64_t x = first % p_.out_w, y = first / p_.out_w % p_.out_h, n = first / (p_.out_w * p_.out_h);
    for (int64_t r = 0; r < rows;) {  // the tile's pixels of one output row at a time
      const int64_t run = std::min(rows - r, p_.out_w - x);
      const float* image = in + n * p_.in_h * p_.in_w * p_.in_stride;
      fill_windows(image, y, x, run, rows, to + r);
      r += run;
      x = 0;
      if (++y == p_.out_h) y = 0, ++n;
    }
  }

 private:
  static constexpr int64_t kKnownTaps = 16;

  const float* zeros() const { return static_cast<const float*>(args_.packed); }
  Columns inside(int64_t j) const { return inside_columns(p_, j * p_.dilation_w - p_.pad_left); }

  void fill_windows(const float* image, int64_t y, int64_t x, int64_t run, int64_t rows, const float** to) const {
    const int64_t top = y * p_.stride_h - p_.pad_top, step = p_.stride_w * p_.in_stride;
    for (int64_t i = 0; i < p_.kernel_h; ++i) {
      const int64_t in_y = top + i * p_.dilation_h;
      if (in_y < 0 || in_y >= p_.in_h) {
        for (int64_t j = 0; j < p_.kernel_w; ++j, to += rows) std::fill(to, to + run, zeros());
        continue;
      }
      const float* row = image + in_y * p_.in_w * p_.in_stride;
      for (int64_t j = 0; j < p_.kernel_w; ++j, to += rows) {
        const Columns columns = j < kKnownTaps ? inside_[j] : inside(j);
        const int64_t begin = std::clamp<int64_t>(columns.begin - x, 0, run);
        const int64_t end = std::clamp<int64_t>(columns.end - x, begin, run);
        const float* pixel = row + ((x + begin) * p_.stride_w + j * p_.dilation_w - p_.pad_left) * p_.in_stride;
        for (int64_t r = 0; r < begin; ++r) to[r] = zeros();
        for (int64_t r = begin; r < end; ++r, pixel += step) to[r] = pixel;
        for (int64_t r = end; r < run; ++r) to[r] = zeros();
      }
    }
  }

  const ConvPlan& plan_;
  const ConvParams& p_;
  const ConvArgs& args_;
  const bool adjacent_, copies_;
  Columns inside_[kKnownTaps];
};

// The loops over blocks, panels and tiles.
class Runner {
 public:
  Runner(const ConvPlan& plan, const ConvArgs& args)
      : plan_(plan),
        p_(plan.params),
        args_(args),
        rows_of_(plan, args),
        epilogue_(p_.activation, p_.has_residual, p_.residual_last),
        far_(far_weights(plan)),
        per_tile_(plan.taps * plan.tile_rows),
        out_(group_out(p_)),
        sum_(sum_rows(plan)) {
    shape_.rows = pixels(p_);
    shape_.tiles = plan.tiles;
    pointers_ = static_cast<const float**>(args.scratch);
    copies_ = reinterpret_cast<float*>(static_cast<char*>(args.scratch) +
                                       align_up(static_cast<size_t>(plan.block_tiles * per_tile_) * sizeof(float*)));
    tile_.taps = plan.taps;
    tile_.channels = plan.channels;
    tile_.k_stride = 1;
    tile_.row_stride = row_stride(plan);
    tile_.residual_stride = p_.residual_stride;
    tile_.c_stride = p_.out_stride;
    tile_.c_near = !p_.out_far && pixels(p_) * p_.out_stride * kFloat <= cpu_info().l2_bytes;
  }

  // Tiles [begin, end) of one group, panels [panel_begin, panel_end).
  void run_block(int64_t group, int64_t begin, int64_t end, int64_t panel_begin, int64_t panel_end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t first = shape_.tile_begin(t);
      rows_of_.fill(group, first, shape_.tile_begin(t + 1) - first, pointers_ + (t - begin) * per_tile_,
                    copies_ + (t - begin) * plan_.tile_rows * copy_stride(plan_));
    }
    const auto weights = reinterpret_cast<const float*>(static_cast<const char*>(args_.packed) + plan_.zero_bytes +
                                                        group * plan_.group_bytes);
    const float* bias = weights + sum_ * round_up(out_, plan_.igemm->lanes);
    const int64_t full = plan_.vectors * plan_.igemm->lanes;
    for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
      const int64_t column = panel * full;
      tile_.columns = std::min(full, out_ - column);
      tile_.b = weights + sum_ * column;
      tile_.b_stride = panel_width(*plan_.igemm, static_cast<int>(plan_.vectors), out_, panel);
      tile_.bias = bias + column;
      epilogue_.set(tile_, group * out_ + column);
      const IgemmFn* by_rows = plan_.fold > 1 ? fold_tiles(*plan_.igemm, plan_.fold)
                                              : plan_.igemm->panels[tile_.b_stride / plan_.igemm->lanes - 1].by_rows;
      // Where weights are far, the first panel comes while the first tile uses it, each later one has been fetched by the tiles of
      // the one before, and the last one's fetch what follows in memory: in a plan, the weights of the next layer. Other tiles fetch
      // the pixels of the tile behind them.
      const bool fetches = fetches_next(end - begin);
      const float* next = tile_.b + sum_ * tile_.b_stride;
      const float* next_end = panel + 1 < panel_end ? next + sum_ * tile_.b_stride : nullptr;
      for (int64_t t = begin; t < end; ++t) {
        const bool comes = far_ && t == begin && (panel == panel_begin || !fetches);
        const float* pixels = t + 1 < end ? pointers_[(t + 1 - begin) * per_tile_] : tile_.b;
        tile_.next = comes ? nullptr : fetches && (next_end == nullptr || next < next_end) ? next : pixels;
        next += sum_ / 2 * kIgemmLine;
        run_tile(by_rows, t, t - begin, group * out_ + column);
      }
    }
  }

 private:
  // Where weights come from beyond L2, and `tiles` tiles fetch half of a panel or more.
  bool fetches_next(int64_t tiles) const {
    return far_ && tiles >= plan_.vectors && plan_.tile_rows * plan_.vectors >= 16;
  }

  void run_tile(const IgemmFn* by_rows, int64_t t, int64_t in_block, int64_t channel) {
    const int64_t first = shape_.tile_begin(t), rows = shape_.tile_begin(t + 1) - first;
    const float* residual = p_.has_residual ? args_.residual + first * p_.residual_stride + channel : nullptr;
    tile_.rows = pointers_ + in_block * per_tile_;
    tile_.row_pointers = rows;
    tile_.residual = epilogue_.residual_in_body ? residual : nullptr;
    tile_.c = args_.out + first * p_.out_stride + channel;
    by_rows[rows - 1](tile_);
    if (epilogue_.post) epilogue_.finish(*plan_.igemm, tile_, rows, channel, residual);
  }

  const ConvPlan& plan_;
  const ConvParams& p_;
  const ConvArgs& args_;
  const Pointers rows_of_;
  const Epilogue epilogue_;
  const bool far_;  // weights come from beyond L2
  const int64_t per_tile_, out_, sum_;
  IgemmShape shape_;
  IgemmTile tile_{};
  const float** pointers_;
  float* copies_;
};

void run(const ConvPlan& plan, const ConvArgs& args, int64_t begin, int64_t end) {
  Runner runner(plan, args);
  begin *= plan.unit_tiles;
  end *= plan.unit_tiles;
  while (begin < end) {
    const int64_t tile = begin % plan.tiles, split = begin / plan.tiles % plan.splits;
    const int64_t group = begin / (plan.tiles * plan.splits);
    const int64_t tile_end = std::min({plan.tiles, tile + (end - begin), tile + plan.block_tiles});
    runner.run_block(group, tile, tile_end, split * plan.panels / plan.splits, (split + 1) * plan.panels / plan.splits);
    begin += tile_end - tile;
  }
}

}  // namespace

ConvKernel conv_igemm_kernel(std::string_view name, Isa isa) { return {name, isa, configure, pack, run, cost}; }

}  // namespace cycloid::kernels
