// Convolution by Winograd's minimal filtering (winograd.h): square kernels of 2 to 4 taps with stride 1, or of 3 to 8 with
// stride 2, which is 4 convolutions of stride 1 and half as many taps added up (winograd_shape.h); kernels of one row or
// column of 2 to 7 taps with stride 1, whose tiles are one pixel wide. n is the most points that a tile has along an axis.
//
// Work unit (split, block, panel): `splits` parts of the panels of output channels, blocks of tiles, the part's panels; the
// panel runs fastest. Every block has its share of each kind of tile (winograd_shape.h), so that blocks cost the same. A
// range of units transforms the inputs of each of its blocks once, and then, panel by panel, multiplies at each point (rows
// are tiles, columns output channels) and transforms back. A block is as
// large as leaves its transformed input and a panel's products in half of L2; the first experiment, without blocks, lost
// 34-45 % of its time to the products leaving it.
// Packed memory: a row of zeros that pixels outside the input point to; per panel, for each point, [channels of the
// point][width]; bias.
#include <algorithm>

#include "base/aligned.h"
#include "kernels/conv/conv_kernels.h"
#include "kernels/conv/winograd_epilogue.h"
#include "kernels/conv/winograd_shape.h"
#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

constexpr int64_t kFloat = sizeof(float);

const WinogradBodies& bodies(const ConvPlan& plan) { return *static_cast<const WinogradBodies*>(plan.isa_table); }
int64_t blocks(const ConvPlan& plan) { return plan.units / plan.panels; }

// Cycles of a vector's transforms, per point; of laying 2 x 2 pixels side by side, per point. Measured on Zen 4; other vector
// widths differ little.
constexpr double kInputCycles = 7, kOutputCycles = 5.5, kGatherCycles = 5;
// Of one dimension's (Sapphire Rapids).
constexpr double kLineInputCycles = 3.5, kLineOutputCycles = 3;

// Points of a tile, over the kinds: small tiles have fewer.
double mean_points(const ConvPlan& plan) {
  const auto mean = [](const WinogradAxis& axis) {
    return static_cast<double>(axis.points) -
           static_cast<double>(axis.tiles - axis.large) / static_cast<double>(axis.tiles);
  };
  return mean(plan.axis_y) * mean(plan.axis_x);
}

// Of transforming a block's inputs.
double input_cost(const ConvPlan& plan) {
  const int64_t lanes = plan.igemm->lanes, channels = plan.params.in_c;
  const int64_t vectors = winograd_gathers(plan) ? round_up(plan.phases * channels, lanes) / lanes
                                                 : plan.phases * (round_up(channels, lanes) / lanes);
  const double each = winograd_is_line(plan.params) ? kLineInputCycles : kInputCycles;
  const double cycles = static_cast<double>(vectors) * each + (winograd_gathers(plan) ? kGatherCycles : 0);
  return kCostPerCycle * cycles * mean_points(plan) * static_cast<double>(plan.tiles) /
         static_cast<double>(blocks(plan));
}

// All tiles are one block, and threads have as many panels each: whether they share these, not the tiles. Each then fetches its
// part of the weights from beyond L2 and transforms all inputs, instead of all weights and its part of the inputs.
bool divides_panels(ConvPlan plan) {
  const ConvParams& p = plan.params;
  plan.units = plan.panels;
  return p.weights_far && plan.panels % p.threads == 0 && weight_streaming_cost(plan, 1) > input_cost(plan);
}

void choose_blocks(ConvPlan& plan) {
  const ConvParams& p = plan.params;
  const int64_t l2 = cpu_info().l2_bytes;
  const int64_t width = plan.vectors * plan.igemm->lanes;
  const int64_t tile_bytes = winograd_points(plan) * (winograd_v_stride(plan) + width) * kFloat;
  const int64_t most = std::clamp<int64_t>(l2 / 2 / tile_bytes, 1, 128);
  int64_t count = (plan.tiles + most - 1) / most;
  plan.splits = 1;
  if (p.threads > 1 && count > 1) {
    // Weights that do not fit L2 are better divided between the threads; otherwise tiles are, so that no input is
    // transformed twice.
    if (static_cast<int64_t>(plan.packed_bytes) > l2 / 2 && plan.panels % p.threads == 0)
      plan.splits = p.threads;
    else
      count = std::min(plan.tiles, round_up(count, p.threads));
  } else if (p.threads > 1 && plan.tiles >= 8 * p.threads && static_cast<int64_t>(plan.packed_bytes) <= l2 / 2 &&
             !divides_panels(plan)) {
    count = p.threads;
  }
  plan.units = plan.panels * count;
  plan.block_tiles = 0;
  for (int kind = 0; kind < kWinogradKindCount; ++kind)
    plan.block_tiles += (winograd_kind_tiles(plan, kind) + count - 1) / count;
}

// Sets the panels' width, and with it panels and blocks: of the widths that there are (or p.panel_vectors) the one with which
// the threads are done first, as units may be few. False where there is none.
bool choose_panels(ConvPlan& plan) {
  const ConvParams& p = plan.params;
  const int64_t total = round_up(p.out_c, plan.igemm->lanes) / plan.igemm->lanes;
  ConvPlan best;
  double least = 0;
  for (int vectors = 1; vectors <= kIgemmMaxVectors; ++vectors) {
    if (p.panel_vectors != 0 ? vectors != p.panel_vectors : vectors > std::max<int64_t>(total, 1)) continue;
    const IgemmShape shape = choose_igemm_shape(*plan.igemm, std::min<int64_t>(plan.tiles, 28), p.out_c, vectors);
    if (shape.vectors == 0) continue;
    plan.vectors = shape.vectors;
    plan.panels = shape.panels;
    choose_blocks(plan);
    const double time =
        shape.cost * static_cast<double>(round_up(plan.units, p.threads)) / static_cast<double>(plan.units);
    if (best.vectors != 0 && time >= least) continue;
    best = plan;
    least = time;
  }
  if (best.vectors == 0) return false;
  plan = best;
  return true;
}

std::string why_not(const ConvParams& p, int64_t points) {
  if (p.channels_first) return "Winograd: the input is channels-first";
  if (p.strict) return "strict: Winograd's error is larger than that of direct sums";
  const bool line = winograd_is_line(p);
  if ((!line && p.kernel_h != p.kernel_w) || p.stride_h != p.stride_w)
    return "Winograd: the kernel or stride is not square";
  if (p.stride_h > (line ? 1 : 2)) return "Winograd: too large a stride";
  if (!line && points == kWinogradLinePoints) return "Winograd: too many points for two dimensions";
  const int64_t taps = (std::max(p.kernel_h, p.kernel_w) + p.stride_h - 1) / p.stride_h;
  if (taps < kWinogradMinTaps || taps > std::min<int64_t>(points, line ? kWinogradLineMaxTaps : kWinogradMaxTaps))
    return "Winograd: too few or too many taps";
  if (p.dilation_h != 1 || p.dilation_w != 1) return "Winograd: dilated";
  if (p.groups != 1) return "Winograd: grouped";
  return {};
}

std::string configure_points(const ConvKernel& kernel, ConvPlan& plan, int64_t points) {
  const ConvParams& p = plan.params;
  if (std::string reason = why_not(p, points); !reason.empty()) return reason;
  plan.igemm = &igemm_kernels(kernel.isa);
  plan.isa_table = &CYCLOID_ISA_TABLE(kernel.isa, winograd_bodies);
  plan.phases = p.stride_h * p.stride_w;
  plan.axis_y = winograd_axis(p.out_h, (p.kernel_h + p.stride_h - 1) / p.stride_h, points);
  plan.axis_x = winograd_axis(p.out_w, (p.kernel_w + p.stride_w - 1) / p.stride_w, points);
  if (std::max(plan.axis_y.points, plan.axis_x.points) < points) return "Winograd: fewer points do";
  plan.tiles = p.batch * plan.axis_y.tiles * plan.axis_x.tiles;
  plan.channels = plan.phases * p.in_c;
  plan.point_channels = winograd_sum(plan);
  const int64_t columns = round_up(p.out_c, plan.igemm->lanes);
  plan.zero_bytes = static_cast<int64_t>(align_up(static_cast<size_t>(p.in_c * kFloat)));
  plan.packed_bytes = static_cast<size_t>(plan.zero_bytes) +
                      align_up(static_cast<size_t>((plan.point_channels + 1) * columns * kFloat));
  if (!choose_panels(plan)) return "Winograd: no register tile of the width asked for";
  plan.scratch_bytes = winograd_scratch(plan).total;
  const IgemmShape block = choose_igemm_shape(*plan.igemm, (plan.tiles + blocks(plan) - 1) / blocks(plan), p.out_c,
                                              static_cast<int>(plan.vectors));
  plan.cost_flops = 2 * block.cost * static_cast<double>(plan.point_channels * blocks(plan));
  plan.range_cost = input_cost(plan);
  return {};
}

template <int kPoints>
std::string configure(const ConvKernel& kernel, ConvPlan& plan) {
  return configure_points(kernel, plan, kPoints);
}

double cost(const ConvPlan& plan) {
  const double all = static_cast<double>(winograd_points(plan)), tiles = static_cast<double>(plan.tiles);
  const double passes = static_cast<double>(blocks(plan));
  const double out_vectors = static_cast<double>(round_up(plan.params.out_c, plan.igemm->lanes) / plan.igemm->lanes);
  const double calls = passes * static_cast<double>(plan.panels * ((plan.block_tiles + 13) / 14)) * all * kCallCycles;
  return std::max(plan.cost_flops / 2 * mean_points(plan) / all + calls * kCostPerCycle,
                  weight_streaming_cost(plan, passes)) +
         plan.range_cost * passes * static_cast<double>(plan.splits) +
         kCostPerCycle * tiles * mean_points(plan) * out_vectors *
             (winograd_is_line(plan.params) ? kLineOutputCycles : kOutputCycles);
}

// One unit.
class Block {
 public:
  Block(const ConvPlan& plan, const ConvArgs& args, int64_t block)
      : plan_(plan),
        p_(plan.params),
        args_(args),
        epilogue_(p_.activation, p_.has_residual, p_.residual_last),
        stride_(winograd_v_stride(plan)) {
    for (int kind = 0; kind < kWinogradKindCount; ++kind) {
      const int64_t tiles = winograd_kind_tiles(plan, kind), count = blocks(plan);
      first_[kind] = tiles * block / count;
      const int64_t here = tiles * (block + 1) / count - first_[kind];
      ends_[kind] = (kind == 0 ? 0 : ends_[kind - 1]) + here;
    }
    count_ = ends_[kWinogradKindCount - 1];
    const WinogradScratch layout = winograd_scratch(plan);
    char* scratch = static_cast<char*>(args.scratch);
    v_ = reinterpret_cast<float*>(scratch);
    products_ = reinterpret_cast<float*>(scratch + layout.products);
    pointers_ = reinterpret_cast<const float**>(scratch + layout.pointers);
    places_ = reinterpret_cast<WinogradPlace*>(scratch + layout.places);
    gathered_ = reinterpret_cast<float*>(scratch + layout.gathered);
    weights_ = reinterpret_cast<const float*>(static_cast<const char*>(args.packed) + plan.zero_bytes);
  }

  void run(int64_t panel_begin, int64_t panel_end) {
    find_places();
    for (int64_t t = 0; t < count_; ++t) pointers_[t] = v_ + t * stride_;
    for (int64_t t = 0; t < count_; ++t) transform_input(t);
    const int64_t full = plan_.vectors * plan_.igemm->lanes, sum = plan_.point_channels;
    for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
      const int64_t width = panel_width(*plan_.igemm, static_cast<int>(plan_.vectors), p_.out_c, panel);
      multiply(weights_ + sum * full * panel, width);
      for (int64_t t = 0; t < count_; ++t) transform_output(t, panel, width);
    }
  }

 private:
  // All tiles of the block, in order.
  void find_places() {
    WinogradPlace* to = places_;
    for (int kind = 0; kind < kWinogradKindCount; ++kind) {
      const auto [large_y, large_x] = kWinogradKinds[kind];
      const WinogradAxis& ay = plan_.axis_y;
      const WinogradAxis& ax = plan_.axis_x;
      const int64_t columns = winograd_tiles(ax, large_x), rows = winograd_tiles(ay, large_y);
      const WinogradPlace* end = places_ + ends_[kind];
      if (to == end) continue;
      const int64_t first = first_[kind];
      int64_t image = first / (rows * columns), row = first / columns % rows, column = first % columns;
      for (; to != end; ++to) {
        *to = {.image = static_cast<int32_t>(image),
               .y = static_cast<int32_t>(ay.first_output(row + (large_y ? 0 : ay.large))),
               .x = static_cast<int32_t>(ax.first_output(column + (large_x ? 0 : ax.large))),
               .points_y = static_cast<int16_t>(ay.points - (large_y ? 0 : 1)),
               .points_x = static_cast<int16_t>(ax.points - (large_x ? 0 : 1))};
        if (++column < columns) continue;
        column = 0;
        if (++row < rows) continue;
        row = 0;
        ++image;
      }
    }
  }

  // Where point (i, j) begins in the transformed input and the products, in tiles' strides.
  int64_t point(int64_t i, int64_t j) const { return (i * plan_.axis_x.points + j) * count_; }

  void transform_input(int64_t t) {
    const WinogradPlace at = places_[t];
    const float* image = args_.in + at.image * p_.in_h * p_.in_w * p_.in_stride;
    const int64_t top = at.y * p_.stride_h - p_.pad_top, left = at.x * p_.stride_w - p_.pad_left;
    WinogradInput in{};
    const float* pixels[kWinogradMaxPoints * kWinogradMaxPoints];
    in.pixels = pixels;
    in.channels = p_.in_c;
    in.point_stride = count_ * stride_;
    if (winograd_is_line(p_)) {
      point_at(pixels, image, top, left, at);
      in.v = v_ + t * stride_;
      return bodies(plan_).input_line[winograd_line_size(at.points_y * at.points_x)](in);
    }
    const int64_t size_y = at.points_y - kWinogradMinPoints, size_x = at.points_x - kWinogradMinPoints;
    const int64_t v_row = point(1, 0) * stride_;
    const bool gathers = winograd_gathers(plan_);
    if (gathers && plan_.channels <= plan_.igemm->lanes && top >= 0 && left >= 0 && top + 2 * at.points_y <= p_.in_h &&
        left + 2 * at.points_x <= p_.in_w) {
      return bodies(plan_).input_pairs[size_y][size_x]({image + (top * p_.in_w + left) * p_.in_c, p_.in_c,
                                                        2 * p_.in_w * p_.in_c, v_ + t * stride_, count_ * stride_,
                                                        v_row});
    }
    in.row_stride = v_row;
    const auto body = bodies(plan_).input[size_y][size_x];
    if (gathers) {
      bodies(plan_).gather({image, p_.in_h, p_.in_w, p_.in_c, top, left, at.points_y, at.points_x, gathered_, stride_});
      for (int64_t i = 0; i < at.points_y * at.points_x; ++i) pixels[i] = gathered_ + i * stride_;
      in.channels = plan_.channels;
      in.v = v_ + t * stride_;
      return body(in);
    }
    for (int64_t phase = 0; phase < plan_.phases; ++phase) {
      point_at(pixels, image, top + phase / 2, left + phase % 2, at);
      in.v = v_ + t * stride_ + phase * p_.in_c;
      body(in);
    }
  }

  // The pixels of a tile, `stride` apart, from (top, left).
  void point_at(const float** pixels, const float* image, int64_t top, int64_t left, const WinogradPlace& at) const {
    const float* zeros = static_cast<const float*>(args_.packed);
    const int64_t step = p_.stride_w * p_.in_stride, columns = at.points_x;
    // Columns [begin, end) are inside.
    const int64_t begin = std::min(columns, left >= 0 ? 0 : (p_.stride_w - 1 - left) / p_.stride_w);
    const int64_t room = p_.in_w - 1 - left;
    const int64_t end = room < 0 ? begin : std::clamp<int64_t>(room / p_.stride_w + 1, begin, columns);
    for (int64_t i = 0; i < at.points_y; ++i, pixels += columns) {
      const int64_t y = top + i * p_.stride_h;
      if (y < 0 || y >= p_.in_h) {
        std::fill_n(pixels, columns, zeros);
        continue;
      }
      std::fill_n(pixels, begin, zeros);
      const float* pixel = image + (y * p_.in_w + left + begin * p_.stride_w) * p_.in_stride;
      for (int64_t j = begin; j < end; ++j, pixel += step) pixels[j] = pixel;
      std::fill(pixels + end, pixels + columns, zeros);
    }
  }

  void multiply(const float* weights, int64_t width) {
    const IgemmPanel& tiles = plan_.igemm->panels[width / plan_.igemm->lanes - 1];
    IgemmTile tile{};
    tile.taps = 1;
    tile.k_stride = 1;
    tile.row_stride = stride_;
    tile.b = weights;
    tile.b_stride = width;
    tile.columns = width;
    tile.c_stride = width;
    tile.c_near = true;
    for (int64_t i = 0; i < plan_.axis_y.points; ++i) {
      const bool large_y = i + 1 == plan_.axis_y.points;
      for (int64_t j = 0; j < plan_.axis_x.points; ++j) {
        const bool large_x = j + 1 == plan_.axis_x.points;
        const int64_t begin = large_x ? ends_[0] : 0;
        const int64_t rows = ends_[large_y ? 1 : large_x ? 2 : 3] - begin;
        tile.channels = winograd_channels(plan_, i, j);
        tile.row_offset = point(i, j) * stride_;
        const int64_t parts = (rows + tiles.best_rows - 1) / tiles.best_rows;
        // The parts fetch the weights of the next point (or panel or, in a plan, layer), each its share, so that these come at an
        // even pace. A single part has to fetch its own while it uses them.
        tile.next_twice = parts < 2 * width / kIgemmLine;
        const int64_t lines = tile.channels * width / kIgemmLine, share = tile.channels / (tile.next_twice ? 1 : 2);
        for (int64_t part = 0; part < parts; ++part) {
          tile.next = parts == 1 ? nullptr : tile.b + (part * share < lines ? lines + part * share : 0) * kIgemmLine;
          const int64_t first = begin + part * rows / parts, count = begin + (part + 1) * rows / parts - first;
          tile.rows = pointers_ + first;
          tile.row_pointers = count;
          tile.c = products_ + (point(i, j) + first) * width;
          tiles.by_rows[count - 1](tile);
        }
        tile.b += tile.channels * width;
      }
    }
  }

  void transform_output(int64_t t, int64_t panel, int64_t width) {
    const WinogradPlace at = places_[t];
    const int64_t channel = panel * plan_.vectors * plan_.igemm->lanes;
    const int64_t pixel = (at.image * p_.out_h + at.y) * p_.out_w + at.x;
    WinogradOutput out = winograd_output_at(p_, args_, epilogue_, pixel, channel, width);
    out.products = products_ + t * width;
    out.point_stride = count_ * width;
    out.row_stride = point(1, 0) * width;
    out.bias = weights_ + plan_.point_channels * round_up(p_.out_c, plan_.igemm->lanes) + channel;
    out.rows = std::min(at.points_y - plan_.axis_y.taps + 1, p_.out_h - at.y);
    out.pixels = std::min(at.points_x - plan_.axis_x.taps + 1, p_.out_w - at.x);
    if (winograd_is_line(p_)) {
      line_output(out, at);
    } else {
      const int64_t size_y = at.points_y - kWinogradMinPoints, size_x = at.points_x - kWinogradMinPoints;
      bodies(plan_).output[plan_.axis_y.taps - kWinogradMinTaps][size_y][size_x](out);
    }
    winograd_finish(plan_, args_, epilogue_, out, pixel, channel);
  }

  void line_output(WinogradOutput out, const WinogradPlace& at) const {
    if (p_.kernel_w == 1) {  // its pixels are a column's
      out.pixels = out.rows;
      out.out_stride = out.out_row;
      out.residual_stride = out.residual_row;
    }
    const int64_t taps = std::max(plan_.axis_y.taps, plan_.axis_x.taps);
    bodies(plan_).output_line[taps - kWinogradMinTaps][winograd_line_size(at.points_y * at.points_x)](out);
  }

  const ConvPlan& plan_;
  const ConvParams& p_;
  const ConvArgs& args_;
  const Epilogue epilogue_;
  const int64_t stride_;
  int64_t first_[kWinogradKindCount];  // of each kind: the block's first tile
  int64_t ends_[kWinogradKindCount];   // and where its tiles end in the block
  int64_t count_;
  float* v_;
  float* products_;
  const float** pointers_;
  WinogradPlace* places_;
  float* gathered_;
  const float* weights_;
};

void run(const ConvPlan& plan, const ConvArgs& args, int64_t begin, int64_t end) {
  const int64_t count = blocks(plan), panels = plan.panels / plan.splits;
  while (begin < end) {
    const int64_t split = begin / (panels * count), block = begin / panels % count, panel = begin % panels;
    const int64_t last = std::min(panels, panel + end - begin);
    Block(plan, args, block).run(split * panels + panel, split * panels + last);
    begin += last - panel;
  }
}

}  // namespace

ConvKernel conv_winograd_n4_kernel(std::string_view name, Isa isa) {
  return {name, isa, configure<4>, pack_winograd, run, cost};
}
ConvKernel conv_winograd_n5_kernel(std::string_view name, Isa isa) {
  return {name, isa, configure<5>, pack_winograd, run, cost};
}
ConvKernel conv_winograd_n6_kernel(std::string_view name, Isa isa) {
  return {name, isa, configure<6>, pack_winograd, run, cost};
}
ConvKernel conv_winograd_n8_kernel(std::string_view name, Isa isa) {
  return {name, isa, configure<8>, pack_winograd, run, cost};
}

}  // namespace cycloid::kernels
