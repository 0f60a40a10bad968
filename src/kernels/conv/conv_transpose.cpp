// Packed memory: a row of zeros; per group its panels, each [phase row][phase column][taps of the
// phase][channels][width], and its bias. Phases have different numbers of taps, which sum up to the window's.
#include "kernels/conv/conv_transpose.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/aligned.h"
#include "kernels/conv/conv_transpose_parts.h"
#include "kernels/igemm/epilogue.h"
#include "kernels/igemm/igemm_shape.h"

namespace cycloid::kernels {
namespace {

constexpr int64_t kFloat = sizeof(float);

// Rows of a panel for each tap.
int64_t tap_rows(const ConvTransposePlan& plan) {
  return (plan.params.in_c / plan.params.groups + plan.fold - 1) / plan.fold;
}

std::string invalid(const ConvTransposeParams& p) {
  for (const int64_t size : {p.batch, p.in_h, p.in_w, p.in_c, p.out_h, p.out_w, p.out_c, p.kernel_h, p.kernel_w,
                             p.stride_h, p.stride_w, p.dilation_h, p.dilation_w, p.groups}) {
    if (size <= 0) return "a size, stride, dilation or group count is not positive";
  }
  if (p.pad_top < 0 || p.pad_left < 0) return "negative padding";
  if (p.in_c % p.groups != 0 || p.out_c % p.groups != 0) return "groups do not divide the channels";
  if (p.in_stride < p.in_c || p.out_stride < p.out_c) return "a pixel stride is smaller than the channels";
  if (p.activation.kind == ActivationKind::kPRelu && p.activation.slope == nullptr) return "PRelu without slopes";
  return {};
}

int64_t taps_in_phase(int64_t phase, int64_t kernel, int64_t stride, int64_t dilation) {
  int64_t count = 0;
  for (int64_t k = 0; k < kernel; ++k) count += in_phase(phase, k, stride, dilation) ? 1 : 0;
  return count;
}

// Calls f(first tap's index in the panel, number of taps, phase row, phase column) for each phase in packed order.
template <class F>
void for_each_phase(const ConvTransposeParams& p, F f) {
  int64_t first = 0;
  for (int64_t y = 0; y < p.stride_h; ++y) {
    const int64_t taps_y = taps_in_phase(y, p.kernel_h, p.stride_h, p.dilation_h);
    for (int64_t x = 0; x < p.stride_w; ++x) {
      const int64_t taps = taps_y * taps_in_phase(x, p.kernel_w, p.stride_w, p.dilation_w);
      f(first, taps, y, x);
      first += taps;
    }
  }
}

// The pixels of one phase in one output row: x = first_x + i * stride_w for i in [0, count).
class PhaseRow {
 public:
  PhaseRow(const ConvTransposePlan& plan, const ConvArgs& args, int64_t row, int64_t phase_x)
      : plan_(plan), p_(plan.params), args_(args), n_(row / p_.out_h), y_(row % p_.out_h) {
    first_x_ = ((phase_x - p_.pad_left) % p_.stride_w + p_.stride_w) % p_.stride_w;
    count_ = first_x_ < p_.out_w ? (p_.out_w - first_x_ + p_.stride_w - 1) / p_.stride_w : 0;
    phase_x_ = phase_x;
    phase_y_ = (y_ + p_.pad_top) % p_.stride_h;
  }

  int64_t phase_y() const { return phase_y_; }

  void run(int64_t first_tap, int64_t taps) const {
    const int64_t tiles = (count_ + plan_.max_rows - 1) / plan_.max_rows;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t begin = t * count_ / tiles, end = (t + 1) * count_ / tiles;
      for (int64_t g = 0; g < p_.groups; ++g) run_tile(g, begin, end, first_tap, taps);
    }
  }

 private:
  void fill_pointers(int64_t g, int64_t begin, int64_t end, const float** to) const {
    const float* zeros = static_cast<const float*>(args_.packed);
    for (int64_t ky = 0; ky < p_.kernel_h; ++ky) {
      if (!in_phase(phase_y_, ky, p_.stride_h, p_.dilation_h)) continue;
      const int64_t up = y_ + p_.pad_top - ky * p_.dilation_h, in_y = up / p_.stride_h;
      const bool row_inside = up >= 0 && in_y < p_.in_h;
      const float* row = args_.in + (n_ * p_.in_h + in_y) * p_.in_w * p_.in_stride + g * (p_.in_c / p_.groups);
      for (int64_t kx = 0; kx < p_.kernel_w; ++kx) {
        if (!in_phase(phase_x_, kx, p_.stride_w, p_.dilation_w)) continue;
        for (int64_t i = begin; i < end; ++i) {
          const int64_t left = first_x_ + i * p_.stride_w + p_.pad_left - kx * p_.dilation_w, in_x = left / p_.stride_w;
          *to++ = row_inside && left >= 0 && in_x < p_.in_w ? row + in_x * p_.in_stride : zeros;
        }
      }
    }
  }

  void run_tile(int64_t g, int64_t begin, int64_t end, int64_t first_tap, int64_t taps) const {
    const auto pointers = static_cast<const float**>(args_.scratch);
    fill_pointers(g, begin, end, pointers);
    const int64_t in = p_.in_c / p_.groups, out = p_.out_c / p_.groups, lanes = plan_.igemm->lanes;
    const int64_t window = p_.kernel_h * p_.kernel_w;
    const float* weights = reinterpret_cast<const float*>(static_cast<const char*>(args_.packed) + plan_.zero_bytes) +
                           g * plan_.group_floats;
    const int64_t tap_rows = kernels::tap_rows(plan_);
    const float* bias = weights + window * tap_rows * round_up(out, lanes);
    const Epilogue epilogue(p_.activation, false, false);
    IgemmTile tile{};
    tile.rows = pointers;
    tile.row_pointers = end - begin;
    tile.taps = taps;
    tile.channels = in;
    tile.k_stride = 1;
    tile.c_stride = p_.stride_w * p_.out_stride;
    float* pixel = args_.out + ((n_ * p_.out_h + y_) * p_.out_w + first_x_ + begin * p_.stride_w) * p_.out_stride;
    for (int64_t panel = 0; panel < plan_.panels; ++panel) {
      const int64_t column = panel * plan_.vectors * lanes;
      tile.b_stride = panel_width(*plan_.igemm, static_cast<int>(plan_.vectors), out, panel);
      tile.columns = std::min(tile.b_stride, out - column);
      tile.b = weights + window * tap_rows * column + first_tap * tap_rows * tile.b_stride;
      tile.bias = bias + column;
      epilogue.set(tile, g * out + column);
      tile.c = pixel + g * out + column;
      const IgemmFn* by_rows = plan_.fold > 1 ? fold_tiles(*plan_.igemm, plan_.fold)
                                              : plan_.igemm->panels[tile.b_stride / lanes - 1].by_rows;
      by_rows[end - begin - 1](tile);
      if (epilogue.post) epilogue.finish(*plan_.igemm, tile, end - begin, g * out + column, nullptr);
    }
  }

  const ConvTransposePlan& plan_;
  const ConvTransposeParams& p_;
  const ConvArgs& args_;
  int64_t n_, y_, first_x_, count_, phase_x_, phase_y_;
};

// Columns that may be joined to one (see ConvTransposePlan::joined_columns), or 1.
int64_t columns_to_join(const ConvTransposeParams& p) {
  const bool side_by_side = p.kernel_w == p.stride_w && p.dilation_w == 1 && p.pad_left == 0 &&
                            p.out_w == p.in_w * p.stride_w && p.out_stride == p.out_c;
  return side_by_side && p.groups == 1 && p.activation.kind != ActivationKind::kPRelu ? p.stride_w : 1;
}

// [in_c][out_c][kernel_h][columns] as [in_c][columns][out_c][kernel_h], and the bias for each column.
void join_weights(const ConvTransposeParams& p, int64_t columns, const float* weights, const float* bias,
                  std::vector<float>& joined, std::vector<float>& joined_bias) {
  const int64_t out_c = p.out_c / columns;
  for (int64_t c = 0; c < p.in_c; ++c) {
    for (int64_t x = 0; x < columns; ++x) {
      for (int64_t o = 0; o < out_c; ++o) {
        for (int64_t y = 0; y < p.kernel_h; ++y)
          joined.push_back(weights[((c * out_c + o) * p.kernel_h + y) * columns + x]);
      }
    }
  }
  for (int64_t x = 0; bias != nullptr && x < columns; ++x) joined_bias.insert(joined_bias.end(), bias, bias + out_c);
}

}  // namespace

ConvTransposeSelection select_conv_transpose(const ConvTransposeParams& params, Isa isa) {
  static constexpr std::string_view kNames[][3] = {
      {"conv_transpose.igemm.scalar", "conv_transpose.igemm.avx2", "conv_transpose.igemm.avx512"},
      {"conv_transpose.depthwise.scalar", "conv_transpose.depthwise.avx2", "conv_transpose.depthwise.avx512"}};
  ConvTransposePlan plan;
  plan.params = params;
  ConvTransposeParams& p = plan.params;
  if (p.in_stride == 0) p.in_stride = p.in_c;
  if (p.out_stride == 0) p.out_stride = p.out_c;
  if (std::string reason = invalid(p); !reason.empty()) return reason;
  const bool depthwise = p.groups == p.in_c && p.groups == p.out_c && p.groups > 1;
  plan.name = kNames[depthwise ? 1 : 0][static_cast<int>(isa)];
  plan.igemm = &igemm_kernels(isa);
  if (depthwise) {
    select_depthwise_transpose(plan, isa);
    return plan;
  }
  plan.joined_columns = columns_to_join(p);
  p.out_c *= plan.joined_columns;
  p.out_stride *= plan.joined_columns;
  p.kernel_w /= plan.joined_columns;
  p.stride_w /= plan.joined_columns;
  p.out_w /= plan.joined_columns;
  const int64_t in = p.in_c / p.groups, out = p.out_c / p.groups;
  plan.fold = choose_fold(*plan.igemm, out, in);
  const int64_t phase_columns = (p.out_w + p.stride_w - 1) / p.stride_w;
  const IgemmShape shape = plan.fold > 1 ? fold_shape(*plan.igemm, phase_columns, out, 1)
                                         : choose_igemm_shape(*plan.igemm, phase_columns, out);
  plan.vectors = shape.vectors;
  plan.panels = shape.panels;
  plan.max_rows = shape.tile_rows;
  plan.zero_bytes = static_cast<int64_t>(align_up(static_cast<size_t>(in * kFloat)));
  plan.group_floats = round_up((p.kernel_h * p.kernel_w * in + 1) * round_up(out, plan.igemm->lanes), 16);
  plan.packed_bytes = static_cast<size_t>(plan.zero_bytes + p.groups * plan.group_floats * kFloat);
  plan.scratch_bytes = align_up(static_cast<size_t>(p.kernel_h * p.kernel_w * plan.max_rows) * sizeof(float*));
  plan.units = p.batch * p.out_h;
  return plan;
}

void ConvTransposePlan::pack(const float* weights, const float* bias, void* packed) const {
  if (depthwise != nullptr) return pack_depthwise_transpose(*this, weights, bias, packed);
  const ConvTransposeParams& p = params;
  std::vector<float> joined, joined_bias;
  if (joined_columns > 1) {
    join_weights(p, joined_columns, weights, bias, joined, joined_bias);
    weights = joined.data();
    bias = bias == nullptr ? nullptr : joined_bias.data();
  }
  std::memset(packed, 0, packed_bytes);
  const int64_t in = p.in_c / p.groups, out = p.out_c / p.groups, window = p.kernel_h * p.kernel_w;
  for (int64_t g = 0; g < p.groups; ++g) {
    float* to = reinterpret_cast<float*>(static_cast<char*>(packed) + zero_bytes) + g * group_floats;
    for (int64_t panel = 0; panel < panels; ++panel) {
      const int64_t column = panel * vectors * igemm->lanes;
      const int64_t width = panel_width(*igemm, static_cast<int>(vectors), out, panel);
      for_each_phase(p, [&](int64_t, int64_t, int64_t phase_y, int64_t phase_x) {
        for (int64_t tap = 0; tap < window; ++tap) {
          if (!in_phase(phase_y, tap / p.kernel_w, p.stride_h, p.dilation_h) ||
              !in_phase(phase_x, tap % p.kernel_w, p.stride_w, p.dilation_w)) {
            continue;
          }
          for (int64_t c = 0; c < in; ++c) {
            for (int64_t j = 0; j < std::min(width, out - column); ++j)
              to[c / fold * width + j * fold + c % fold] = weights[((g * in + c) * out + column + j) * window + tap];
          }
          to += (in + fold - 1) / fold * width;
        }
      });
    }
    if (bias != nullptr) std::copy_n(bias + g * out, out, to);
  }
}

void ConvTransposePlan::run(const ConvArgs& args, int64_t begin, int64_t end) const {
  if (depthwise != nullptr) return run_depthwise_transpose(*this, args, begin, end);
  for (int64_t row = begin; row < end; ++row) {
    for_each_phase(params, [&](int64_t first_tap, int64_t taps, int64_t phase_y, int64_t phase_x) {
      const PhaseRow phase(*this, args, row, phase_x);
      if (phase.phase_y() == phase_y) phase.run(first_tap, taps);
    });
  }
}

}  // namespace cycloid::kernels
