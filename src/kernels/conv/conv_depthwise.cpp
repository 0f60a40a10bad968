// Depthwise convolution (one input channel and one output channel per group): vectors run over channels, so the sums of
// a pixel are 1 to kernel_h * kernel_w multiply-adds per vector, bound by loads. Neighbouring pixels share them.
//
// Work unit: a part of an output row of an image. Packed memory: [kernel_h][kernel_w][channels], then the bias; both
// padded to whole vectors.
#include <algorithm>
#include <cstring>
#include <limits>

#include "base/aligned.h"
#include "kernels/conv/conv_kernels.h"
#include "kernels/conv/depthwise.h"
#include "kernels/igemm/igemm_shape.h"
#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

const DepthwiseBodies& bodies(const ConvPlan& plan) { return *static_cast<const DepthwiseBodies*>(plan.isa_table); }

std::string configure(const ConvKernel& kernel, ConvPlan& plan) {
  const ConvParams& p = plan.params;
  if (p.groups != p.in_c || p.out_c != p.in_c) return "not depthwise: groups, input and output channels differ";
  if (p.channels_first) return "depthwise: the input is channels-first";
  if (p.panel_vectors != 0) return "depthwise: it has no register tiles to choose from";
  const DepthwiseBodies& table = CYCLOID_ISA_TABLE(kernel.isa, depthwise_bodies);
  plan.isa_table = &table;
  plan.igemm = &igemm_kernels(kernel.isa);
  plan.channels = round_up(p.in_c, table.lanes);
  plan.taps = p.kernel_h * p.kernel_w;
  plan.packed_bytes = align_up(static_cast<size_t>((plan.taps + 1) * plan.channels) * sizeof(float));
  plan.scratch_bytes = 0;
  const int64_t rows = p.batch * p.out_h;
  plan.splits = p.threads <= 1 ? 1 : std::clamp<int64_t>((4 * p.threads + rows - 1) / rows, 1, p.out_w);
  plan.units = rows * plan.splits;
  plan.cost_flops = 2.0 * static_cast<double>(rows * p.out_w * plan.channels * plan.taps);
  return {};
}

// A multiply-add takes about one load.
double cost(const ConvPlan& plan) { return plan.cost_flops / 2 / plan.igemm->lanes * kCostPerCycle * 1.5; }

void pack(const ConvPlan& plan, const float* weights, const float* bias, void* packed) {
  const ConvParams& p = plan.params;
  std::memset(packed, 0, plan.packed_bytes);
  float* to = static_cast<float*>(packed);
  for (int64_t tap = 0; tap < plan.taps; ++tap, to += plan.channels) {
    for (int64_t c = 0; c < p.in_c; ++c) to[c] = weights[c * plan.taps + tap];
  }
  if (bias != nullptr) std::copy_n(bias, p.in_c, to);
}

const DepthwiseBody& body_for(const ConvPlan& plan) {
  const DepthwiseBodies& table = bodies(plan);
  for (int i = 0; i + 1 < table.count; ++i) {
    const DepthwiseBody& body = table.bodies[i];
    if (body.kernel_w == plan.params.kernel_w && body.stride_w == plan.params.stride_w && plan.params.dilation_w == 1) {
      return body;
    }
  }
  return table.bodies[table.count - 1];
}

// The rows of a plan, one work unit after another.
class Rows {
 public:
  // `out` is where row `first_row` of the images' goes.
  Rows(const ConvPlan& plan, const ConvArgs& args, float* out, int64_t first_row)
      : plan_(plan),
        p_(plan.params),
        args_(args),
        out_(out),
        first_row_(first_row),
        weights_(static_cast<const float*>(args.packed)),
        body_(body_for(plan)),
        epilogue_(p_.activation, p_.has_residual, p_.residual_last) {
    const bool clip = p_.activation.kind == ActivationKind::kClip;
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    all_.row_step = p_.dilation_h * p_.in_w * p_.in_stride;
    all_.in_w = p_.in_w;
    all_.in_stride = p_.in_stride;
    all_.kernel_w = p_.kernel_w;
    all_.stride_w = p_.stride_w;
    all_.dilation_w = p_.dilation_w;
    all_.pad_left = p_.pad_left;
    all_.weight_stride = plan.channels;
    all_.bias = weights_ + plan.taps * plan.channels;
    all_.residual_stride = p_.residual_stride;
    all_.out_stride = p_.out_stride;
    all_.channels = p_.in_c;
    all_.fetch = p_.batch * (p_.in_h * p_.in_w + p_.out_h * p_.out_w) * p_.in_c * static_cast<int64_t>(sizeof(float)) >
                 cpu_info().l2_bytes / 2;
    all_.lo = clip ? p_.activation.lo : -kInfinity;
    all_.hi = clip ? p_.activation.hi : kInfinity;
    all_.activation = clip && !p_.activation.scaled ? nullptr : epilogue_.in_body();
    all_.residual_last = epilogue_.residual_last;
    // Windows of neighbouring rows then differ by one row at each end.
    pairs_ = body_.pair != nullptr && plan.splits == 1 && p_.stride_h == 1 && p_.dilation_h == 1 &&
             p_.kernel_h == p_.kernel_w;
  }

  void run(int64_t begin, int64_t end) const {
    for (int64_t unit = begin; unit < end; ++unit) {
      const DepthwiseRow t = row(unit);
      if (pairs_ && unit + 1 < end && (unit + 1) % p_.out_h != 0 && t.tap_rows == p_.kernel_h) {
        const DepthwiseRow next = row(unit + 1);
        if (next.tap_rows == p_.kernel_h) {
          body_.pair(t, next);
          finish(t, unit);
          finish(next, ++unit);
          continue;
        }
      }
      body_.row(t);
      finish(t, unit);
    }
  }

 private:
  DepthwiseRow row(int64_t unit) const {
    const int64_t part = unit % plan_.splits, row = unit / plan_.splits, n = row / p_.out_h, y = row % p_.out_h;
    const int64_t top = y * p_.stride_h - p_.pad_top;
    int64_t first = 0, last = p_.kernel_h;
    while (first < last && top + first * p_.dilation_h < 0) ++first;
    while (first < last && top + (last - 1) * p_.dilation_h >= p_.in_h) --last;
    DepthwiseRow t = all_;
    t.in = args_.in + (n * p_.in_h + top + first * p_.dilation_h) * p_.in_w * p_.in_stride;
    t.tap_rows = last - first;
    t.weights = weights_ + first * p_.kernel_w * plan_.channels;
    t.out = out_ + (row - first_row_) * p_.out_w * p_.out_stride;
    t.residual = epilogue_.residual_in_body ? residual(row) : nullptr;
    t.x_begin = part * p_.out_w / plan_.splits;
    t.x_end = (part + 1) * p_.out_w / plan_.splits;
    return t;
  }

  const float* residual(int64_t row) const { return args_.residual + row * p_.out_w * p_.residual_stride; }

  void finish(const DepthwiseRow& t, int64_t unit) const {
    if (!epilogue_.post) return;
    plan_.igemm->post(
        t.out + t.x_begin * p_.out_stride, p_.out_stride, t.x_end - t.x_begin, p_.out_c, p_.activation,
        epilogue_.residual_in_post ? residual(unit / plan_.splits) + t.x_begin * p_.residual_stride : nullptr,
        p_.residual_stride);
  }

  const ConvPlan& plan_;
  const ConvParams& p_;
  const ConvArgs& args_;
  float* const out_;
  const int64_t first_row_;
  const float* weights_;
  const DepthwiseBody& body_;
  const Epilogue epilogue_;
  DepthwiseRow all_{};  // what all rows have
  bool pairs_ = false;
};

void run(const ConvPlan& plan, const ConvArgs& args, int64_t begin, int64_t end) {
  Rows(plan, args, args.out, 0).run(begin, end);
}

void run_rows(const ConvPlan& plan, const ConvArgs& args, int64_t image, int64_t begin, int64_t end, float* out) {
  const int64_t first = image * plan.params.out_h + begin;
  Rows(plan, args, out, first).run(first * plan.splits, (first + end - begin) * plan.splits);
}

}  // namespace

ConvKernel conv_depthwise_kernel(std::string_view name, Isa isa) {
  return {name, isa, configure, pack, run, cost, run_rows};
}

}  // namespace cycloid::kernels
