// Convolution 3 x 3, stride 1, by Winograd's F(2, 3) and F(4, 3); see winograd.h.
//
// Work unit (split, block): `splits` parts of the panels of output channels, `tiles / block` blocks of tiles. A unit
// transforms its tiles' inputs, multiplies at each of the n * n points (rows are tiles, columns output channels), and
// transforms back panel by panel. A block is as large as leaves its transformed input and a panel's products in half of
// L2; the first experiment, without blocks, lost 34-45 % of its time to the products leaving it.
// Packed memory: a row of zeros that pixels outside the input point to; per panel [n * n points][channels][width];
// bias.
#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "base/aligned.h"
#include "kernels/conv/conv_kernels.h"
#include "kernels/conv/winograd.h"
#include "kernels/igemm/igemm_shape.h"
#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

constexpr int64_t kFloat = sizeof(float);

const WinogradBodies& bodies(const ConvPlan& plan) { return *static_cast<const WinogradBodies*>(plan.isa_table); }
int64_t points(const ConvPlan& plan) { return (plan.tile_size + 2) * (plan.tile_size + 2); }

// Floats from tile to tile of the transformed input. A multiple of 2 KiB would put a register tile's rows into few sets
// of L1.
int64_t v_stride(const ConvPlan& plan) {
  const int64_t stride = round_up(plan.params.in_c, plan.igemm->lanes);
  return stride * kFloat % 2048 == 0 ? stride + plan.igemm->lanes : stride;
}

int64_t blocks(const ConvPlan& plan) { return plan.units / plan.splits; }

struct Scratch {
  size_t v, products, pointers, total;
};
Scratch scratch_layout(const ConvPlan& plan) {
  const int64_t width = plan.vectors * plan.igemm->lanes;
  Scratch s{};
  s.products = align_up(static_cast<size_t>(points(plan) * plan.block_tiles * v_stride(plan) * kFloat));
  s.pointers = s.products + align_up(static_cast<size_t>(points(plan) * plan.block_tiles * width * kFloat));
  s.total = s.pointers + align_up(static_cast<size_t>(points(plan) * plan.block_tiles) * sizeof(float*));
  return s;
}

void choose_blocks(ConvPlan& plan) {
  const ConvParams& p = plan.params;
  const int64_t l2 = cpu_info().l2_bytes;
  const int64_t width = plan.vectors * plan.igemm->lanes;
  const int64_t tile_bytes = points(plan) * (v_stride(plan) + width) * kFloat;
  const int64_t most = std::clamp<int64_t>(l2 / 2 / tile_bytes, 1, 128);
  int64_t count = (plan.tiles + most - 1) / most;
  plan.splits = 1;
  if (p.threads > 1) {
    // Weights that do not fit L2 are better divided between the threads; otherwise tiles are, so that no input is
    // transformed twice.
    if (static_cast<int64_t>(plan.packed_bytes) > l2 / 2 || plan.tiles < 8 * p.threads) {
      plan.splits = std::min<int64_t>(p.threads, plan.panels);
    }
    if (plan.splits < p.threads) count = std::min(plan.tiles, round_up(count, p.threads));
  }
  plan.block_tiles = (plan.tiles + count - 1) / count;
  plan.units = plan.splits * count;
}

std::string configure_tile(const ConvKernel& kernel, ConvPlan& plan, int64_t tile_size) {
  const ConvParams& p = plan.params;
  if (p.strict) return "strict: Winograd's error is larger than that of direct sums";
  if (p.kernel_h != 3 || p.kernel_w != 3) return "Winograd: the kernel is not 3 x 3";
  if (p.stride_h != 1 || p.stride_w != 1) return "Winograd: the stride is not 1";
  if (p.dilation_h != 1 || p.dilation_w != 1) return "Winograd: dilated";
  if (p.groups != 1) return "Winograd: grouped";
  plan.tile_size = tile_size;
  plan.igemm = &igemm_kernels(kernel.isa);
  plan.isa_table = &CYCLOID_ISA_TABLE(kernel.isa, winograd_bodies);
  plan.tile_h = (p.out_h + tile_size - 1) / tile_size;
  plan.tile_w = (p.out_w + tile_size - 1) / tile_size;
  plan.tiles = p.batch * plan.tile_h * plan.tile_w;
  plan.channels = p.in_c;
  const IgemmShape shape = choose_igemm_shape(*plan.igemm, std::min<int64_t>(plan.tiles, 28), p.out_c);
  plan.vectors = shape.vectors;
  plan.panels = shape.panels;
  const int64_t columns = round_up(p.out_c, plan.igemm->lanes);
  plan.zero_bytes = static_cast<int64_t>(align_up(static_cast<size_t>(p.in_c * kFloat)));
  plan.packed_bytes = static_cast<size_t>(plan.zero_bytes) +
                      align_up(static_cast<size_t>((points(plan) * p.in_c + 1) * columns * kFloat));
  choose_blocks(plan);
  plan.scratch_bytes = scratch_layout(plan).total;
  const IgemmShape block = choose_igemm_shape(*plan.igemm, plan.block_tiles, p.out_c, static_cast<int>(plan.vectors));
  plan.cost_flops = 2 * block.cost * static_cast<double>(points(plan) * p.in_c * blocks(plan));
  return {};
}

template <int kTile>
std::string configure(const ConvKernel& kernel, ConvPlan& plan) {
  return configure_tile(kernel, plan, kTile);
}

// Cycles of a vector's transforms, per point, and of a call of the tile, measured on Zen 4; other vector widths differ
// little.
double cost(const ConvPlan& plan) {
  const ConvParams& p = plan.params;
  const double tiles = static_cast<double>(plan.tiles), n2 = static_cast<double>(points(plan));
  const double in_vectors = static_cast<double>(round_up(p.in_c, plan.igemm->lanes) / plan.igemm->lanes * plan.splits);
  const double out_vectors = static_cast<double>(round_up(p.out_c, plan.igemm->lanes) / plan.igemm->lanes);
  const double transforms = kCostPerCycle * tiles * n2 * (in_vectors * 7 + out_vectors * 5.5);
  const double calls = static_cast<double>(blocks(plan) * plan.panels) * n2 * 80 * kCostPerCycle *
                       static_cast<double>((plan.block_tiles + 13) / 14);
  return std::max(plan.cost_flops / 2 + calls, weight_streaming_cost(plan, static_cast<double>(blocks(plan)))) +
         transforms;
}

// G of the points: column k of row i is the weight of tap k.
std::array<std::array<double, 3>, 6> filter_transform(int64_t tile) {
  if (tile == 2) return {{{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}, {}, {}}};
  const double at[5] = {0, kWinogradA, -kWinogradA, kWinogradB, -kWinogradB};
  std::array<std::array<double, 3>, 6> g{};
  for (size_t i = 0; i < 5; ++i) {
    double product = 1;
    for (size_t j = 0; j < 5; ++j) product *= i == j ? 1 : at[i] - at[j];
    g[i] = {1 / product, at[i] / product, at[i] * at[i] / product};
  }
  g[5] = {0, 0, 1};
  return g;
}

void pack(const ConvPlan& plan, const float* weights, const float* bias, void* packed) {
  const ConvParams& p = plan.params;
  std::memset(packed, 0, plan.packed_bytes);
  const auto g = filter_transform(plan.tile_size);
  const int64_t n = plan.tile_size + 2, full = plan.vectors * plan.igemm->lanes;
  float* to = reinterpret_cast<float*>(static_cast<char*>(packed) + plan.zero_bytes);
  for (int64_t panel = 0; panel < plan.panels; ++panel) {
    const int64_t first = panel * full;
    const int64_t width = panel_width(*plan.igemm, static_cast<int>(plan.vectors), p.out_c, panel);
    for (int64_t j = 0; j < std::min(width, p.out_c - first); ++j) {
      for (int64_t c = 0; c < p.in_c; ++c) {
        const float* w = weights + ((first + j) * p.in_c + c) * 9;
        for (int64_t a = 0; a < n; ++a) {
          double row[3];  // of G w
          for (size_t k = 0; k < 3; ++k) {
            row[k] = 0;
            for (size_t l = 0; l < 3; ++l) row[k] += g[static_cast<size_t>(a)][l] * w[l * 3 + k];
          }
          for (int64_t b = 0; b < n; ++b) {
            const auto& gb = g[static_cast<size_t>(b)];
            to[((a * n + b) * p.in_c + c) * width + j] =
                static_cast<float>(row[0] * gb[0] + row[1] * gb[1] + row[2] * gb[2]);
          }
        }
      }
    }
    to += points(plan) * p.in_c * width;
  }
  if (bias != nullptr) std::copy_n(bias, p.out_c, to);
}

// One unit.
class Block {
 public:
  Block(const ConvPlan& plan, const ConvArgs& args, int64_t begin, int64_t end)
      : plan_(plan),
        p_(plan.params),
        args_(args),
        epilogue_(p_.activation, p_.has_residual, p_.residual_last),
        begin_(begin),
        count_(end - begin),
        stride_(v_stride(plan)) {
    const Scratch layout = scratch_layout(plan);
    char* scratch = static_cast<char*>(args.scratch);
    v_ = reinterpret_cast<float*>(scratch);
    products_ = reinterpret_cast<float*>(scratch + layout.products);
    pointers_ = reinterpret_cast<const float**>(scratch + layout.pointers);
    weights_ = reinterpret_cast<const float*>(static_cast<const char*>(args.packed) + plan.zero_bytes);
  }

  void run(int64_t panel_begin, int64_t panel_end) {
    for (int64_t t = 0; t < count_; ++t) transform_input(t);
    for (int64_t i = 0; i < points(plan_) * count_; ++i) pointers_[i] = v_ + i * stride_;
    for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
      const int64_t width = panel_width(*plan_.igemm, static_cast<int>(plan_.vectors), p_.out_c, panel);
      multiply(panel, width);
      for (int64_t t = 0; t < count_; ++t) transform_output(t, panel, width);
    }
  }

 private:
  struct Place {
    int64_t image, y, x;  // the tile's first output pixel
  };
  Place place(int64_t t) const {
    const int64_t tile = begin_ + t, per_image = plan_.tile_h * plan_.tile_w;
    return {tile / per_image, tile % per_image / plan_.tile_w * plan_.tile_size, tile % plan_.tile_w * plan_.tile_size};
  }

  void transform_input(int64_t t) {
    const Place at = place(t);
    const int64_t n = plan_.tile_size + 2, top = at.y - p_.pad_top, left = at.x - p_.pad_left;
    const float* zeros = static_cast<const float*>(args_.packed);
    const float* image = args_.in + at.image * p_.in_h * p_.in_w * p_.in_stride;
    const float* pixels[36];
    for (int64_t i = 0; i < n; ++i) {
      const bool row_inside = top + i >= 0 && top + i < p_.in_h;
      const float* row = image + ((top + i) * p_.in_w + left) * p_.in_stride;
      for (int64_t j = 0; j < n; ++j) {
        const bool inside = row_inside && left + j >= 0 && left + j < p_.in_w;
        pixels[i * n + j] = inside ? row + j * p_.in_stride : zeros;
      }
    }
    bodies(plan_).input[plan_.tile_size / 4]({pixels, p_.in_c, v_ + t * stride_, count_ * stride_});
  }

  void multiply(int64_t panel, int64_t width) {
    const IgemmPanel& tiles = plan_.igemm->panels[width / plan_.igemm->lanes - 1];
    const int64_t parts = (count_ + tiles.best_rows - 1) / tiles.best_rows;
    IgemmTile tile{};
    tile.taps = 1;
    tile.channels = p_.in_c;
    tile.k_stride = 1;
    tile.b_stride = width;
    tile.columns = width;
    tile.c_stride = width;
    const float* panel_weights = weights_ + points(plan_) * p_.in_c * panel * plan_.vectors * plan_.igemm->lanes;
    for (int64_t point = 0; point < points(plan_); ++point) {
      tile.b = panel_weights + point * p_.in_c * width;
      for (int64_t part = 0; part < parts; ++part) {
        const int64_t first = part * count_ / parts, rows = (part + 1) * count_ / parts - first;
        tile.rows = pointers_ + point * count_ + first;
        tile.row_pointers = rows;
        tile.c = products_ + (point * count_ + first) * width;
        tiles.by_rows[rows - 1](tile);
      }
    }
  }

  void transform_output(int64_t t, int64_t panel, int64_t width) {
    const Place at = place(t);
    const int64_t channel = panel * plan_.vectors * plan_.igemm->lanes;
    const int64_t pixel = (at.image * p_.out_h + at.y) * p_.out_w + at.x;
    const bool clip = epilogue_.activation.kind == ActivationKind::kClip && !epilogue_.post;
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const float* residual = p_.has_residual ? args_.residual + pixel * p_.residual_stride + channel : nullptr;
    WinogradOutput out{};
    out.products = products_ + t * width;
    out.point_stride = count_ * width;
    out.columns = std::min(width, p_.out_c - channel);
    out.bias = weights_ + points(plan_) * p_.in_c * round_up(p_.out_c, plan_.igemm->lanes) + channel;
    out.residual = epilogue_.residual_in_tile ? residual : nullptr;
    out.residual_stride = p_.residual_stride;
    out.residual_row = p_.out_w * p_.residual_stride;
    out.out = args_.out + pixel * p_.out_stride + channel;
    out.out_stride = p_.out_stride;
    out.out_row = p_.out_w * p_.out_stride;
    out.rows = std::min(plan_.tile_size, p_.out_h - at.y);
    out.pixels = std::min(plan_.tile_size, p_.out_w - at.x);
    out.lo = clip ? epilogue_.activation.lo : -kInfinity;
    out.hi = clip ? epilogue_.activation.hi : kInfinity;
    bodies(plan_).output[plan_.tile_size / 4](out);
    if (!epilogue_.post) return;
    Activation activation = epilogue_.activation;
    if (activation.slope != nullptr) activation.slope += channel;
    for (int64_t row = 0; row < out.rows; ++row) {
      plan_.igemm->post(out.out + row * out.out_row, out.out_stride, out.pixels, out.columns, activation,
                        epilogue_.residual_in_post ? residual + row * out.residual_row : nullptr, p_.residual_stride);
    }
  }

  const ConvPlan& plan_;
  const ConvParams& p_;
  const ConvArgs& args_;
  const Epilogue epilogue_;
  const int64_t begin_, count_, stride_;
  float* v_;
  float* products_;
  const float** pointers_;
  const float* weights_;
};

void run(const ConvPlan& plan, const ConvArgs& args, int64_t begin, int64_t end) {
  const int64_t count = blocks(plan);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t split = unit / count, block = unit % count;
    Block(plan, args, block * plan.tiles / count, (block + 1) * plan.tiles / count)
        .run(split * plan.panels / plan.splits, (split + 1) * plan.panels / plan.splits);
  }
}

}  // namespace

ConvKernel conv_winograd2_kernel(std::string_view name, Isa isa) { return {name, isa, configure<2>, pack, run, cost}; }
ConvKernel conv_winograd4_kernel(std::string_view name, Isa isa) { return {name, isa, configure<4>, pack, run, cost}; }

}  // namespace cycloid::kernels
