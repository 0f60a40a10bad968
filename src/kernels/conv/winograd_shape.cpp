#include "kernels/conv/winograd_shape.h"

#include <cstring>

#include "base/aligned.h"
#include "kernels/bf16x3/bf16x3.h"

namespace cycloid::kernels {
namespace {

constexpr int64_t kFloat = sizeof(float);

using PointRow = std::array<double, kWinogradLineMaxTaps>;
using FilterTransform = std::array<PointRow, kWinogradLinePoints>;

// G: row i is what the taps are multiplied by at point i: powers of the point, over the product of its distances to the
// other finite points of all six, or eight.
FilterTransform filter_transform(const WinogradAxis& axis) {
  FilterTransform g{};
  if (axis.taps == 1) {
    g[0][0] = 1;
    return g;
  }
  constexpr double kInfinity = 0;  // not used
  const bool eight = axis.points == kWinogradLinePoints;
  const double a = eight ? kWinogradLine[0] : kWinogradA, b = eight ? kWinogradLine[1] : kWinogradB;
  const double at[] = {0, a, -a, kInfinity, b, -b, kWinogradLine[2], -kWinogradLine[2]};
  const size_t points = static_cast<size_t>(eight ? kWinogradLinePoints : kWinogradMaxPoints);
  for (size_t i = 0; i < points; ++i) {
    if (i == kWinogradInfinity) {
      g[i][static_cast<size_t>(axis.taps - 1)] = 1;
      continue;
    }
    double value = 1;
    for (size_t j = 0; j < points; ++j) value /= i == j || j == kWinogradInfinity ? 1 : at[i] - at[j];
    for (size_t k = 0; k < static_cast<size_t>(axis.taps); ++k, value *= at[i]) g[i][k] = value;
  }
  return g;
}

}  // namespace

WinogradAxis winograd_axis(int64_t outputs, int64_t taps, int64_t points) {
  if (taps == 1) return {.taps = 1, .points = 1, .size = 1, .tiles = outputs, .large = outputs};
  WinogradAxis axis{.taps = taps};
  if (points == kWinogradLinePoints) {
    axis.points = points;
    axis.size = points - taps + 1;
    axis.tiles = axis.large = (outputs + axis.size - 1) / axis.size;
    return axis;
  }
  const int64_t smallest = std::max<int64_t>(1, kWinogradMinPoints - taps + 1);
  const int64_t most = points - taps + 1;
  axis.tiles = (outputs + most - 1) / most;
  axis.size = std::max(smallest, (outputs + axis.tiles - 1) / axis.tiles);
  axis.large = axis.size == smallest ? axis.tiles : outputs - axis.tiles * (axis.size - 1);
  axis.points = axis.size + taps - 1;
  return axis;
}

int64_t winograd_sum(const ConvPlan& plan) {
  int64_t sum = 0;
  for (int64_t i = 0; i < plan.axis_y.points; ++i) {
    for (int64_t j = 0; j < plan.axis_x.points; ++j) sum += winograd_channels(plan, i, j);
  }
  return sum;
}

double conv_arithmetic(const ConvPlan& plan) {
  const ConvParams& p = plan.params;
  if (plan.inside_taps > 0)
    return p.flops() * static_cast<double>(plan.inside_taps) /
           static_cast<double>(p.out_h * p.out_w * p.kernel_h * p.kernel_w);
  if (plan.parts > 0) return p.flops() * kBf16x3Work;
  if (plan.axis_y.taps == 0) return p.flops();
  double products = 0;
  for (int kind = 0; kind < kWinogradKindCount; ++kind) {
    const int64_t points_y = plan.axis_y.points - (kWinogradKinds[kind].large_y ? 0 : 1);
    const int64_t points_x = plan.axis_x.points - (kWinogradKinds[kind].large_x ? 0 : 1);
    int64_t channels = 0;
    for (int64_t i = 0; i < points_y; ++i) {
      for (int64_t j = 0; j < points_x; ++j) channels += winograd_channels(plan, i, j);
    }
    products += static_cast<double>(winograd_kind_tiles(plan, kind) * channels);
  }
  return 2 * products * static_cast<double>(plan.params.out_c);
}

int64_t winograd_v_stride(const ConvPlan& plan) {
  const int64_t c = plan.params.in_c, lanes = plan.igemm->lanes;
  const int64_t stride = winograd_gathers(plan) ? round_up(plan.phases * c, lanes)
                                                : round_up((plan.phases - 1) * c + round_up(c, lanes), lanes);
  return stride * kFloat % 2048 == 0 ? stride + lanes : stride;
}

WinogradScratch winograd_scratch(const ConvPlan& plan) {
  const int64_t points = winograd_points(plan), width = plan.vectors * plan.igemm->lanes;
  WinogradScratch s{};
  s.products = align_up(static_cast<size_t>(points * plan.block_tiles * winograd_v_stride(plan) * kFloat));
  s.pointers = s.products + align_up(static_cast<size_t>(points * plan.block_tiles * width * kFloat));
  s.places = s.pointers + align_up(static_cast<size_t>(plan.block_tiles) * sizeof(float*));
  s.gathered = s.places + align_up(static_cast<size_t>(plan.block_tiles) * sizeof(WinogradPlace));
  s.total = s.gathered;
  if (winograd_gathers(plan)) s.total += align_up(static_cast<size_t>(points * winograd_v_stride(plan) * kFloat));
  return s;
}

namespace {

using Points = std::array<std::array<double, kWinogradLinePoints>, kWinogradLinePoints>;

// G w G^T for one pair of channels and one phase; `step` from tap to tap.
Points transform_filter(const ConvPlan& plan, const FilterTransform& g_y, const FilterTransform& g_x, const float* w,
                        int64_t phase_y, int64_t phase_x, int64_t step) {
  const ConvParams& p = plan.params;
  std::array<PointRow, kWinogradLinePoints> rows{};  // G w
  for (size_t i = 0; i < static_cast<size_t>(plan.axis_y.points); ++i) {
    for (int64_t x = phase_x, b = 0; x < p.kernel_w; x += step, ++b) {
      for (int64_t y = phase_y, a = 0; y < p.kernel_h; y += step, ++a)
        rows[i][static_cast<size_t>(b)] += g_y[i][static_cast<size_t>(a)] * static_cast<double>(w[y * p.kernel_w + x]);
    }
  }
  Points points{};
  for (size_t i = 0; i < static_cast<size_t>(plan.axis_y.points); ++i) {
    for (size_t j = 0; j < static_cast<size_t>(plan.axis_x.points); ++j) {
      for (size_t b = 0; b < static_cast<size_t>(plan.axis_x.taps); ++b) points[i][j] += rows[i][b] * g_x[j][b];
    }
  }
  return points;
}

}  // namespace

void pack_winograd(const ConvPlan& plan, const float* weights, const float* bias, void* packed) {
  const ConvParams& p = plan.params;
  std::memset(packed, 0, plan.packed_bytes);
  const FilterTransform g_y = filter_transform(plan.axis_y), g_x = filter_transform(plan.axis_x);
  const int64_t full = plan.vectors * plan.igemm->lanes, step = plan.phases == 4 ? 2 : 1;
  float* panel_to = reinterpret_cast<float*>(static_cast<char*>(packed) + plan.zero_bytes);
  for (int64_t panel = 0; panel < plan.panels; ++panel) {
    const int64_t first = panel * full;
    const int64_t width = panel_width(*plan.igemm, static_cast<int>(plan.vectors), p.out_c, panel);
    for (int64_t k = 0; k < plan.phases * p.in_c; ++k) {
      const int64_t phase = k / p.in_c, c = k % p.in_c;
      for (int64_t o = 0; o < std::min(width, p.out_c - first); ++o) {
        const float* w = weights + ((first + o) * p.in_c + c) * p.kernel_h * p.kernel_w;
        const Points points = transform_filter(plan, g_y, g_x, w, phase / 2, phase % 2, step);
        float* to = panel_to;
        for (int64_t i = 0; i < plan.axis_y.points; ++i) {
          for (int64_t j = 0; j < plan.axis_x.points; ++j) {
            const int64_t count = winograd_channels(plan, i, j);
            if (k < count)
              to[k * width + o] = static_cast<float>(points[static_cast<size_t>(i)][static_cast<size_t>(j)]);
            to += count * width;
          }
        }
      }
    }
    panel_to += plan.point_channels * width;
  }
  if (bias != nullptr) std::copy_n(bias, p.out_c, panel_to);
}

}  // namespace cycloid::kernels
