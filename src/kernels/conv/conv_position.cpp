// Convolution of small padded maps in batches: the rows of a register tile are the images at one output position, so the taps
// that fall outside the input there are the same for all of them, and are left out. Of a 3 x 3 window on a map of 3 x 3 these
// are 2 of 5, and each position still sums all taps and channels before one store.
//
// Work unit (panel, position): panels of output channels, and each one's positions; the position runs fastest, so a panel's
// weights are read from afar once and then from L2. Positions go from the last to the first: these need the first taps of the
// next panel, which have been fetched meanwhile.
// Packed memory: panels, each [taps][channels][width]; bias.
#include <algorithm>

#include "base/aligned.h"
#include "kernels/conv/conv_kernels.h"
#include "kernels/igemm/igemm_shape.h"

namespace cycloid::kernels {
namespace {

constexpr int64_t kFloat = sizeof(float);

// Taps [begin, end) of an axis that are inside the input for one output.
struct Inside {
  int64_t begin, end;
  int64_t count() const { return end - begin; }
};
Inside inside(int64_t output, int64_t stride, int64_t pad, int64_t dilation, int64_t taps, int64_t size) {
  const int64_t first = output * stride - pad;
  const int64_t begin = first < 0 ? std::min(taps, (-first + dilation - 1) / dilation) : 0;
  const int64_t end = first >= size ? 0 : std::min(taps, (size - 1 - first) / dilation + 1);
  return {begin, std::max(begin, end)};
}
Inside inside_y(const ConvParams& p, int64_t y) {
  return inside(y, p.stride_h, p.pad_top, p.dilation_h, p.kernel_h, p.in_h);
}
Inside inside_x(const ConvParams& p, int64_t x) {
  return inside(x, p.stride_w, p.pad_left, p.dilation_w, p.kernel_w, p.in_w);
}

int64_t positions(const ConvParams& p) { return p.out_h * p.out_w; }

std::string configure(const ConvKernel& kernel, ConvPlan& plan) {
  const ConvParams& p = plan.params;
  if (p.channels_first) return "position: the input is channels-first";
  if (p.groups != 1) return "position: grouped";
  int64_t taps_y = 0, taps_x = 0;
  for (int64_t y = 0; y < p.out_h; ++y) taps_y += inside_y(p, y).count();
  for (int64_t x = 0; x < p.out_w; ++x) taps_x += inside_x(p, x).count();
  plan.inside_taps = taps_y * taps_x;
  plan.taps = p.kernel_h * p.kernel_w;
  plan.channels = p.in_c;
  if (plan.inside_taps == plan.taps * positions(p)) return "position: no tap is outside the input";
  if (plan.inside_taps == 0) return "position: every tap is outside the input";
  plan.igemm = &igemm_kernels(kernel.isa);
  const IgemmShape shape = choose_igemm_shape(*plan.igemm, p.batch, p.out_c, p.panel_vectors);
  if (!set_tiles(plan, shape)) return "position: no register tile of the width asked for";
  const int64_t columns = round_up(p.out_c, plan.igemm->lanes);
  plan.packed_bytes = align_up(static_cast<size_t>((plan.taps * plan.channels + 1) * columns * kFloat));
  plan.scratch_bytes = align_up(static_cast<size_t>(plan.taps * plan.tile_rows) * sizeof(float*));
  plan.units = plan.panels * positions(p);
  plan.cost_flops = 2 * shape.cost * static_cast<double>(plan.inside_taps * plan.channels);
  return {};
}

double cost(const ConvPlan& plan) {
  const double calls = static_cast<double>(plan.units * plan.tiles);
  const double pointers = static_cast<double>(plan.inside_taps * plan.panels * plan.params.batch);
  const double sums = plan.cost_flops / 2, streaming = weight_streaming_cost(plan, 1);
  // Small tiles are bound by reading weights from L2, and that adds to what comes from afar.
  const bool overlaps = plan.tile_rows * plan.vectors >= 16;
  return (overlaps ? std::max(sums, streaming) : sums + streaming) +
         kCostPerCycle * (calls * kCallCycles + pointers * 1.5);
}

void pack(const ConvPlan& plan, const float* weights, const float* bias, void* packed) {
  const ConvParams& p = plan.params;
  float* to = static_cast<float*>(packed);
  std::fill_n(to, plan.packed_bytes / sizeof(float), 0.0f);
  for (int64_t panel = 0; panel < plan.panels; ++panel) {
    const int64_t first = panel * plan.vectors * plan.igemm->lanes;
    const int64_t width = panel_width(*plan.igemm, static_cast<int>(plan.vectors), p.out_c, panel);
    for (int64_t tap = 0; tap < plan.taps; ++tap) {
      for (int64_t c = 0; c < p.in_c; ++c, to += width) {
        for (int64_t j = 0; j < std::min(width, p.out_c - first); ++j)
          to[j] = weights[((first + j) * p.in_c + c) * plan.taps + tap];
      }
    }
  }
  if (bias != nullptr) std::copy_n(bias, p.out_c, to);
}

class Runner {
 public:
  Runner(const ConvPlan& plan, const ConvArgs& args)
      : plan_(plan),
        p_(plan.params),
        args_(args),
        epilogue_(p_.activation, p_.has_residual, p_.residual_last),
        pointers_(static_cast<const float**>(args.scratch)),
        sum_(plan.taps * plan.channels) {
    tile_.channels = plan.channels;
    tile_.k_stride = 1;
    tile_.c_stride = positions(p_) * p_.out_stride;
    tile_.residual_stride = positions(p_) * p_.residual_stride;
  }

  // Positions [begin, end) of a panel.
  void run_panel(int64_t panel, int64_t begin, int64_t end) {
    const auto* weights = static_cast<const float*>(args_.packed);
    const int64_t full = plan_.vectors * plan_.igemm->lanes;
    channel_ = panel * full;
    tile_.columns = std::min(full, p_.out_c - channel_);
    tile_.b_stride = panel_width(*plan_.igemm, static_cast<int>(plan_.vectors), p_.out_c, panel);
    tile_.bias = weights + sum_ * round_up(p_.out_c, plan_.igemm->lanes) + channel_;
    epilogue_.set(tile_, channel_);
    panel_weights_ = weights + sum_ * channel_;
    // The next panel, or the weights of the next layer, which follow in memory; earlier positions have fetched their share.
    tile_.next = panel_weights_ + sum_ * tile_.b_stride;
    for (int64_t i = 0; i < begin; ++i) tile_.next += plan_.tiles * taps_at(at(i)) * (p_.in_c / 2) * kIgemmLine;
    for (int64_t i = begin; i < end; ++i) run_position(at(i));
  }

 private:
  // From the last to the first.
  int64_t at(int64_t i) const { return positions(p_) - 1 - i; }

  int64_t taps_at(int64_t position) const {
    return inside_y(p_, position / p_.out_w).count() * inside_x(p_, position % p_.out_w).count();
  }

  void run_position(int64_t position) {
    const int64_t y = position / p_.out_w, x = position % p_.out_w;
    const Inside taps_y = inside_y(p_, y), taps_x = inside_x(p_, x);
    tile_.taps = taps_y.count() * taps_x.count();
    tile_.tap_run = taps_x.count();
    tile_.b_skip = (p_.kernel_w - taps_x.count()) * p_.in_c * tile_.b_stride;
    tile_.b = panel_weights_ + (taps_y.begin * p_.kernel_w + taps_x.begin) * p_.in_c * tile_.b_stride;
    const IgemmFn* by_rows = plan_.igemm->panels[tile_.b_stride / plan_.igemm->lanes - 1].by_rows;
    for (int64_t t = 0; t < plan_.tiles; ++t) {
      const int64_t image = t * p_.batch / plan_.tiles, rows = (t + 1) * p_.batch / plan_.tiles - image;
      point_at(y, x, taps_y, taps_x, image, rows);
      const int64_t pixel = image * positions(p_) + position;
      const float* residual = p_.has_residual ? args_.residual + pixel * p_.residual_stride + channel_ : nullptr;
      tile_.rows = pointers_;
      tile_.row_pointers = rows;
      tile_.residual = epilogue_.residual_in_body ? residual : nullptr;
      tile_.c = args_.out + pixel * p_.out_stride + channel_;
      by_rows[rows - 1](tile_);
      if (epilogue_.post) epilogue_.finish(*plan_.igemm, tile_, rows, channel_, residual);
      tile_.next += tile_.taps * (p_.in_c / 2) * kIgemmLine;
    }
  }

  void point_at(int64_t y, int64_t x, Inside taps_y, Inside taps_x, int64_t image, int64_t rows) {
    const float** to = pointers_;
    const int64_t image_floats = p_.in_h * p_.in_w * p_.in_stride;
    for (int64_t i = taps_y.begin; i < taps_y.end; ++i) {
      const int64_t in_y = y * p_.stride_h - p_.pad_top + i * p_.dilation_h;
      for (int64_t j = taps_x.begin; j < taps_x.end; ++j) {
        const int64_t in_x = x * p_.stride_w - p_.pad_left + j * p_.dilation_w;
        const float* pixel = args_.in + image * image_floats + (in_y * p_.in_w + in_x) * p_.in_stride;
        for (int64_t r = 0; r < rows; ++r, pixel += image_floats) *to++ = pixel;
      }
    }
  }

  const ConvPlan& plan_;
  const ConvParams& p_;
  const ConvArgs& args_;
  const Epilogue epilogue_;
  const float** pointers_;
  const int64_t sum_;
  IgemmTile tile_{};
  int64_t channel_ = 0;
  const float* panel_weights_ = nullptr;
};

void run(const ConvPlan& plan, const ConvArgs& args, int64_t begin, int64_t end) {
  Runner runner(plan, args);
  const int64_t count = positions(plan.params);
  while (begin < end) {
    const int64_t panel = begin / count, position = begin % count, last = std::min(count, position + end - begin);
    runner.run_panel(panel, position, last);
    begin += last - position;
  }
}

}  // namespace

ConvKernel conv_position_kernel(std::string_view name, Isa isa) { return {name, isa, configure, pack, run, cost}; }

}  // namespace cycloid::kernels
