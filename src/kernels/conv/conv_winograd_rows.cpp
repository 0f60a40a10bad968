// Convolution of few channels by Winograd's minimal filtering, a row of points at a time (winograd_rows.h): square kernels of 3 or
// 4 taps with stride 1, or of 5 to 8 with stride 2, whose 4 phases are so many channels more. The input may be channels-first.
//
// A strip is a row of tiles of an image. Work unit: `unit_tiles` strips, or one of `splits` parts of a strip: as many tiles as
// leave a panel's products in L1 or near, and use weights often enough that these may come from L2.
// Sums run over (phase of y, channel, phase of x), so that what a kernel of odd size lacks is the second half along y, and every
// second channel along x (winograd_channels).
// Packed memory: a row of zeros that stands for input rows outside the image; per panel, for each row of points, [channels of the
// row][points of the channel][width]; bias.
#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "base/aligned.h"
#include "kernels/conv/conv_kernels.h"
#include "kernels/conv/winograd_epilogue.h"
#include "kernels/conv/winograd_rows.h"
#include "kernels/conv/winograd_shape.h"
#include "kernels/isa_table.h"
#include "kernels/peak/peak.h"

namespace cycloid::kernels {
namespace {

constexpr int64_t kFloat = sizeof(float);
constexpr int64_t kMostTiles = 16;  // of a unit

const WinogradRowsBodies& bodies(const ConvPlan& plan) {
  return *static_cast<const WinogradRowsBodies*>(plan.isa_table);
}

bool odd_phases(const ConvParams& p) { return p.stride_h == 2 && p.kernel_h % 2 != 0; }
// Channels of a row of points.
int64_t row_channels(const ConvPlan& plan, int64_t row) {
  return odd_phases(plan.params) && row + 1 == plan.axis_y.points ? plan.channels / 2 : plan.channels;
}
// Points of channel k.
int64_t channel_points(const ConvParams& p, int64_t k) { return kWinogradRowPoints - (odd_phases(p) ? k % 2 : 0); }
int64_t row_floats(const ConvPlan& plan, int64_t row) {  // packed, for each output channel
  const int64_t channels = row_channels(plan, row);
  return kWinogradRowPoints * channels - (odd_phases(plan.params) ? channels / 2 : 0);
}

// Where the parts of a unit lie in scratch, in floats, and their strides.
struct Layout {
  // After the transform along y: [points][lines][line]; a line is of one channel and phase of y, or of all channels where these
  // are interleaved.
  int64_t lines, run, line, down_row;
  int64_t aligned, position;  // [positions][position], for one row of points; not used where lines are that already
  int64_t v, v_tile, v_row;   // [points][tiles][blocks][points of x][lanes]
  int64_t z, z_row;           // [points][tiles][outputs of x][width]
  int64_t total;
};

bool aligns(const ConvParams& p) { return p.channels_first || p.stride_h == 2; }
int64_t unit_positions(const ConvPlan& plan) {
  return ((plan.axis_x.tiles + plan.splits - 1) / plan.splits - 1) * plan.axis_x.size + kWinogradRowPoints;
}

Layout layout(const ConvPlan& plan) {
  const ConvParams& p = plan.params;
  const int64_t lanes = plan.igemm->lanes, points = plan.axis_y.points, positions = unit_positions(plan);
  Layout l{};
  l.run = p.channels_first ? 1 : p.in_c;
  l.lines = p.stride_h * p.in_c / l.run;
  l.line = round_up(p.stride_w * positions * l.run, lanes) + lanes;  // whole vectors are read at the last position
  l.down_row = l.lines * l.line;
  l.aligned = points * l.down_row;
  l.position = aligns(p) ? round_up(plan.channels, lanes) : p.in_c;
  l.v = l.aligned + (aligns(p) ? round_up(positions * l.position, lanes) : 0);
  l.v_tile = round_up(plan.channels, lanes) * kWinogradRowPoints;
  l.v_row = plan.block_tiles * l.v_tile;
  l.z = l.v + points * l.v_row;
  // Rows 4 KiB apart would share a set of L1.
  l.z_row = plan.block_tiles * plan.axis_x.size * plan.vectors * lanes + kIgemmLine;
  l.total = round_up(l.z + points * l.z_row, kIgemmLine);
  return l;
}

std::string why_not(const ConvParams& p) {
  if (p.strict) return "strict: Winograd's error is larger than that of direct sums";
  if (p.kernel_h != p.kernel_w || p.stride_h != p.stride_w) return "Winograd: the kernel or stride is not square";
  if (p.stride_h > 2) return "Winograd: the stride is neither 1 nor 2";
  const int64_t taps = (p.kernel_h + p.stride_h - 1) / p.stride_h;
  if (taps < kWinogradRowsMinTaps || taps > kWinogradRowsMaxTaps) return "Winograd by rows: too few or too many taps";
  if (p.dilation_h != 1 || p.dilation_w != 1) return "Winograd: dilated";
  if (p.groups != 1) return "Winograd: grouped";
  if (!p.channels_first && p.in_stride != p.in_c) return "Winograd by rows: pixels do not follow each other";
  return {};
}

WinogradAxis axis(int64_t outputs, int64_t taps, int64_t points) {
  WinogradAxis a{.taps = taps, .points = points, .size = points - taps + 1};
  a.tiles = a.large = (outputs + a.size - 1) / a.size;
  return a;
}

// Of a unit, by the body that takes the most at a time.
int64_t padded_tiles(const ConvPlan& plan, int64_t tiles) {
  const int* group = bodies(plan).group_tiles;
  return round_up(tiles, std::max(group[0], group[bodies(plan).vectors - 1]));
}

// Units of so many tiles that weights are used often enough, and as many units as threads can share evenly. The fewer tiles, the
// more of the time weights take to come from L2: as measured, about 0.8 / tiles of it.
void choose_units(ConvPlan& plan) {
  const ConvParams& p = plan.params;
  const int64_t strips = p.batch * plan.axis_y.tiles, columns = plan.axis_x.tiles;
  plan.splits = (columns + kMostTiles - 1) / kMostTiles;
  plan.unit_tiles = 1;
  plan.units = strips * plan.splits;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t unit = 1; plan.splits == 1 && unit <= std::min(strips, std::max<int64_t>(1, kMostTiles / columns));
       ++unit) {
    const int64_t units = (strips + unit - 1) / unit, tiles = padded_tiles(plan, unit * columns);
    const double time =
        static_cast<double>(round_up(units, p.threads) * tiles) * (1 + 0.8 / static_cast<double>(tiles));
    if (time >= least) continue;
    least = time;
    plan.unit_tiles = unit;
    plan.units = units;
  }
  plan.block_tiles = padded_tiles(plan, plan.unit_tiles * ((columns + plan.splits - 1) / plan.splits));
}

std::string configure(const ConvKernel& kernel, ConvPlan& plan) {
  const ConvParams& p = plan.params;
  if (std::string reason = why_not(p); !reason.empty()) return reason;
  plan.igemm = &igemm_kernels(kernel.isa);
  plan.isa_table = &CYCLOID_ISA_TABLE(kernel.isa, winograd_rows_bodies);
  const int most = bodies(plan).vectors;
  if (p.panel_vectors > most) return "Winograd by rows: no register tile of the width asked for";
  const int64_t taps = (p.kernel_h + p.stride_h - 1) / p.stride_h, lanes = plan.igemm->lanes;
  const int64_t columns = round_up(p.out_c, lanes);
  plan.vectors = p.panel_vectors != 0 ? p.panel_vectors : std::min<int64_t>(most, columns / lanes);
  plan.panels = (columns / lanes + plan.vectors - 1) / plan.vectors;
  plan.phases = p.stride_h * p.stride_w;
  plan.channels = plan.phases * p.in_c;
  plan.axis_x = axis(p.out_w, taps, kWinogradRowPoints);
  for (const int64_t points : kWinogradColumnPoints) {
    if (points > kWinogradColumnPoints[0] && taps < kWinogradRowsMaxTaps)
      continue;  // too large an error (winograd_rows.h)
    const WinogradAxis y = axis(p.out_h, taps, points);
    if (plan.axis_y.points == 0 || y.tiles * y.points < plan.axis_y.tiles * plan.axis_y.points) plan.axis_y = y;
  }
  for (int64_t row = 0; row < plan.axis_y.points; ++row) plan.point_channels += row_floats(plan, row);
  choose_units(plan);
  plan.zero_bytes =
      static_cast<int64_t>(align_up(static_cast<size_t>(p.in_w * (p.channels_first ? 1 : p.in_c) * kFloat)));
  plan.packed_bytes = static_cast<size_t>(plan.zero_bytes) +
                      align_up(static_cast<size_t>((plan.point_channels + 1) * columns * kFloat));
  plan.scratch_bytes = static_cast<size_t>(layout(plan).total * kFloat);
  return {};
}

// Cycles, measured on Sapphire Rapids (28 multiply-adds of a step load 28 vectors): of a multiply-add and of ending a tile's row
// of points, for each vector of outputs; of a vector of one output's points along y; of a vector of input along y and along x;
// of laying one element in place; of calling a body.
constexpr double kSumCycles = 0.8, kWideEndCycles = 17, kNarrowEndCycles = 5, kOutputCycles = 4, kDownCycles = 5,
                 kAcrossCycles = 2, kInterleavedCycles = 2.2, kPairCycles = 0.9, kTransposedCycles = 0.3,
                 kBodyCycles = 15;

double cost(const ConvPlan& plan) {
  const ConvParams& p = plan.params;
  const Layout l = layout(plan);
  const bool wide = bodies(plan).vectors == 2, one_pipe = plan.igemm->lanes == 16 && wide_fma_pipes() == 1;
  const double lanes = plan.igemm->lanes, points = static_cast<double>(plan.axis_y.points);
  const double vectors = static_cast<double>(round_up(p.out_c, plan.igemm->lanes)) / lanes;
  const double tiles = static_cast<double>(plan.units * plan.block_tiles);
  const double sums = static_cast<double>(plan.point_channels) / points;  // of a row of points, on average
  double of_sums =
      tiles * points * vectors * (sums * (one_pipe ? 1.1 : kSumCycles) + (wide ? kWideEndCycles : kNarrowEndCycles));
  // Where a row's weights and inputs leave L1.
  if ((plan.vectors * plan.igemm->lanes + plan.block_tiles) * kWinogradRowPoints * plan.channels * kFloat > 32768)
    of_sums *= 1.25;
  const double of_outputs = tiles * static_cast<double>(plan.axis_x.size) * vectors * points * kOutputCycles;
  const double element = !aligns(p)          ? 0
                         : !p.channels_first ? kInterleavedCycles
                         : wide              ? kTransposedCycles
                                             : kPairCycles;
  const double of_inputs = static_cast<double>(plan.units * plan.unit_tiles) * points *
                               (static_cast<double>(l.down_row) / lanes * kDownCycles +
                                static_cast<double>(unit_positions(plan) * plan.channels) * element) +
                           tiles * points * static_cast<double>(l.v_tile) / lanes * kAcrossCycles;
  const double calls = static_cast<double>(
      plan.units * (plan.panels * plan.axis_y.points +
                    plan.unit_tiles * (l.lines + (aligns(p) ? 2 : 1) * plan.axis_y.points + plan.panels)));
  return kCostPerCycle * (of_sums + of_outputs + of_inputs + calls * kBodyCycles) +
         weight_streaming_cost(plan, static_cast<double>(plan.units));
}

using Factors = std::array<std::array<double, kWinogradRowsMaxTaps>, 8>;

// G: each point's factors of the taps.
Factors factors(const WinogradAxis& axis) {
  Factors g{};
  const int64_t finite = axis.points - 1;
  for (int64_t i = 0; i < finite; ++i) {
    const double at = winograd_point(axis.points, i);
    double value = 1;
    for (int64_t j = 0; j < finite; ++j) value /= i == j ? 1 : at - winograd_point(axis.points, j);
    for (int64_t k = 0; k < axis.taps; ++k, value *= at) g[static_cast<size_t>(i)][static_cast<size_t>(k)] = value;
  }
  g[static_cast<size_t>(finite)][static_cast<size_t>(axis.taps - 1)] = 1;
  return g;
}

// G w G^T for one pair of channels and one phase, at one point.
float transform_filter(const ConvParams& p, const float* w, int64_t phase_y, int64_t phase_x,
                       const std::array<double, kWinogradRowsMaxTaps>& factors_y,
                       const std::array<double, kWinogradRowsMaxTaps>& factors_x) {
  double sum = 0;
  for (int64_t y = phase_y, a = 0; y < p.kernel_h; y += p.stride_h, ++a) {
    for (int64_t x = phase_x, b = 0; x < p.kernel_w; x += p.stride_w, ++b)
      sum += factors_y[static_cast<size_t>(a)] * factors_x[static_cast<size_t>(b)] *
             static_cast<double>(w[y * p.kernel_w + x]);
  }
  return static_cast<float>(sum);
}

void pack(const ConvPlan& plan, const float* weights, const float* bias, void* packed) {
  const ConvParams& p = plan.params;
  const Factors along_y = factors(plan.axis_y), along_x = factors(plan.axis_x);
  std::memset(packed, 0, plan.packed_bytes);
  float* to = reinterpret_cast<float*>(static_cast<char*>(packed) + plan.zero_bytes);
  for (int64_t panel = 0; panel < plan.panels; ++panel) {
    const int64_t first = panel * plan.vectors * plan.igemm->lanes;
    const int64_t width = panel_width(*plan.igemm, static_cast<int>(plan.vectors), p.out_c, panel);
    for (int64_t i = 0; i < plan.axis_y.points; ++i) {
      for (int64_t k = 0; k < row_channels(plan, i); ++k) {
        const int64_t phase_x = k % p.stride_w, c = k / p.stride_w % p.in_c, phase_y = k / (p.stride_w * p.in_c);
        for (int64_t j = 0; j < channel_points(p, k); ++j, to += width) {
          for (int64_t o = 0; o < std::min(width, p.out_c - first); ++o)
            to[o] = transform_filter(p, weights + ((first + o) * p.in_c + c) * p.kernel_h * p.kernel_w, phase_y,
                                     phase_x, along_y[static_cast<size_t>(i)], along_x[static_cast<size_t>(j)]);
        }
      }
    }
  }
  if (bias != nullptr) std::copy_n(bias, p.out_c, to);
}

class Unit {
 public:
  Unit(const ConvPlan& plan, const ConvArgs& args)
      : plan_(plan),
        p_(plan.params),
        args_(args),
        epilogue_(p_.activation, p_.has_residual, p_.residual_last),
        layout_(layout(plan)),
        scratch_(static_cast<float*>(args.scratch)),
        y_kind_(plan.axis_y.points == kWinogradColumnPoints[0] ? 0 : 1),
        taps_(static_cast<size_t>(plan.axis_y.taps - kWinogradRowsMinTaps)) {
    // Lanes behind the last channel are transformed too, and must be numbers.
    if (aligns(p_)) std::fill(scratch_ + layout_.aligned, scratch_ + layout_.v, 0.0f);
  }

  void run(int64_t unit) {
    const int64_t part = unit % plan_.splits, columns = plan_.axis_x.tiles;
    first_tile_ = columns * part / plan_.splits;
    tiles_ = columns * (part + 1) / plan_.splits - first_tile_;
    const int64_t first = unit / plan_.splits * plan_.unit_tiles;
    const int64_t strips = std::min(plan_.unit_tiles, p_.batch * plan_.axis_y.tiles - first);
    for (int64_t s = 0; s < strips; ++s) transform_input(first + s, s * tiles_);
    const float* weights = reinterpret_cast<const float*>(static_cast<const char*>(args_.packed) + plan_.zero_bytes);
    const float* bias = weights + plan_.point_channels * round_up(p_.out_c, plan_.igemm->lanes);
    for (int64_t panel = 0; panel < plan_.panels; ++panel) {
      const int64_t width = panel_width(*plan_.igemm, static_cast<int>(plan_.vectors), p_.out_c, panel);
      const int64_t channel = panel * plan_.vectors * plan_.igemm->lanes;
      multiply(weights + plan_.point_channels * channel, width, first, strips, channel);
      for (int64_t s = 0; s < strips; ++s) transform_output(first + s, s * tiles_, channel, width, bias);
    }
  }

 private:
  // From a strip to its tiles of v, from `tile` on.
  void transform_input(int64_t strip, int64_t tile) {
    const int64_t positions = (tiles_ - 1) * plan_.axis_x.size + kWinogradRowPoints;
    transform_down(strip, positions);
    const WinogradRowsBodies& b = bodies(plan_);
    for (int64_t i = 0; i < plan_.axis_y.points; ++i) {
      const float* lines = scratch_ + i * layout_.down_row;
      if (aligns(p_)) {
        float* aligned = scratch_ + layout_.aligned;
        b.align({lines, layout_.line, layout_.lines, layout_.run, p_.stride_w, positions, aligned, layout_.position});
        lines = aligned;
      }
      b.across({lines, layout_.position, plan_.axis_x.size * layout_.position, tiles_,
                layout_.v_tile / (kWinogradRowPoints * plan_.igemm->lanes),
                scratch_ + layout_.v + i * layout_.v_row + tile * layout_.v_tile, layout_.v_tile});
    }
  }

  void transform_down(int64_t strip, int64_t positions) {
    const int64_t image = strip / plan_.axis_y.tiles, planes = p_.channels_first ? p_.in_c : 1;
    const int64_t top = strip % plan_.axis_y.tiles * plan_.axis_y.size * p_.stride_h - p_.pad_top;
    const int64_t left = first_tile_ * plan_.axis_x.size * p_.stride_w - p_.pad_left;
    const float* in = args_.in + image * p_.in_h * p_.in_w * p_.in_c;
    const float* zeros = static_cast<const float*>(args_.packed);
    // Of a line, [begin, end) is inside the image.
    const int64_t length = p_.stride_w * positions * layout_.run;
    const int64_t begin = std::min(length, std::max<int64_t>(0, -left * layout_.run));
    const int64_t end = std::clamp<int64_t>((p_.in_w - left) * layout_.run, begin, length);
    const bool clear = cleared_ != first_tile_;
    cleared_ = first_tile_;
    for (int64_t line = 0; line < layout_.lines; ++line) {
      const int64_t phase = line / planes, plane = line % planes;
      float* out = scratch_ + line * layout_.line;
      WinogradDown down{.rows = {}, .count = end - begin, .out = out + begin, .row_stride = layout_.down_row};
      for (int64_t i = 0; i < plan_.axis_y.points; ++i) {
        const int64_t y = top + i * p_.stride_h + phase;
        const bool inside = y >= 0 && y < p_.in_h && begin < end;
        down.rows[i] = inside ? in + ((plane * p_.in_h + y) * p_.in_w + left) * layout_.run + begin : zeros;
        if (!clear) continue;
        std::fill(out + i * layout_.down_row, out + i * layout_.down_row + begin, 0.0f);
        std::fill(out + i * layout_.down_row + end, out + i * layout_.down_row + length, 0.0f);
      }
      bodies(plan_).down[y_kind_](down);
    }
  }

  // The first output row of a strip, and its first pixel in the part.
  int64_t first_row(int64_t strip) const { return strip % plan_.axis_y.tiles * plan_.axis_y.size; }
  int64_t first_pixel(int64_t strip) const {
    return (strip / plan_.axis_y.tiles * p_.out_h + first_row(strip)) * p_.out_w + first_tile_ * plan_.axis_x.size;
  }

  // Of `strips` strips. While the sums run, the output comes for writing; of one strip, as the lines of more would not stay.
  void multiply(const float* weights, int64_t width, int64_t first, int64_t strips, int64_t channel) {
    const size_t vectors = static_cast<size_t>(width / plan_.igemm->lanes - 1);
    const WinogradRowsBodies& b = bodies(plan_);
    WinogradProducts products{.v = scratch_ + layout_.v,
                              .v_tile = layout_.v_tile,
                              .weights = weights,
                              .channels = 0,
                              .pairs = odd_phases(p_),
                              .tiles = round_up(strips * tiles_, b.group_tiles[vectors]),
                              .z = scratch_ + layout_.z,
                              .out = nullptr,
                              .out_stride = p_.out_stride};
    const int64_t rows = strips == 1 ? std::min(plan_.axis_y.size, p_.out_h - first_row(first)) : 0;
    for (int64_t i = 0; i < plan_.axis_y.points; ++i) {
      products.channels = row_channels(plan_, i);
      products.out = i < rows ? args_.out + (first_pixel(first) + i * p_.out_w) * p_.out_stride + channel : nullptr;
      b.products[taps_][vectors](products);
      products.v += layout_.v_row;
      products.weights += row_floats(plan_, i) * width;
      products.z += layout_.z_row;
    }
  }

  void transform_output(int64_t strip, int64_t tile, int64_t channel, int64_t width, const float* bias) {
    const int64_t pixel = first_pixel(strip);
    WinogradOutput out = winograd_output_at(p_, args_, epilogue_, pixel, channel, width);
    out.products = scratch_ + layout_.z + tile * plan_.axis_x.size * width;
    out.point_stride = width;
    out.row_stride = layout_.z_row;
    out.bias = bias + channel;
    out.rows = std::min(plan_.axis_y.size, p_.out_h - first_row(strip));
    out.pixels = std::min(tiles_ * plan_.axis_x.size, p_.out_w - first_tile_ * plan_.axis_x.size);
    bodies(plan_).output[taps_][y_kind_](out);
    winograd_finish(plan_, args_, epilogue_, out, pixel, channel);
  }

  const ConvPlan& plan_;
  const ConvParams& p_;
  const ConvArgs& args_;
  const Epilogue epilogue_;
  const Layout layout_;
  float* const scratch_;
  const size_t y_kind_, taps_;
  int64_t first_tile_ = 0, tiles_ = 0;  // of the unit's strips
  int64_t cleared_ = -1;  // the part of strips, by its first tile, whose lines have their zeros around them
};

void run(const ConvPlan& plan, const ConvArgs& args, int64_t begin, int64_t end) {
  Unit unit(plan, args);
  for (; begin < end; ++begin) unit.run(begin);
}

}  // namespace

ConvKernel conv_winograd_rows_kernel(std::string_view name, Isa isa) { return {name, isa, configure, pack, run, cost}; }

}  // namespace cycloid::kernels
