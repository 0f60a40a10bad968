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

DepthwiseFn body_for(const ConvPlan& plan) {
  const DepthwiseBodies& table = bodies(plan);
  for (int i = 0; i + 1 < table.count; ++i) {
    const DepthwiseBody& body = table.bodies[i];
    if (body.kernel_w == plan.params.kernel_w && body.stride_w == plan.params.stride_w && plan.params.dilation_w == 1) {
      return body.row;
    }
  }
  return table.bodies[table.count - 1].row;
}

void run(const ConvPlan& plan, const ConvArgs& args, int64_t begin, int64_t end) {
  const ConvParams& p = plan.params;
  const DepthwiseFn body = body_for(plan);
  const Epilogue epilogue(p.activation, p.has_residual, p.residual_last);
  const bool clip = p.activation.kind == ActivationKind::kClip && !epilogue.post;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float* weights = static_cast<const float*>(args.packed);

  DepthwiseRow t{};
  t.row_step = p.dilation_h * p.in_w * p.in_stride;
  t.in_w = p.in_w;
  t.in_stride = p.in_stride;
  t.kernel_w = p.kernel_w;
  t.stride_w = p.stride_w;
  t.dilation_w = p.dilation_w;
  t.pad_left = p.pad_left;
  t.weight_stride = plan.channels;
  t.bias = weights + plan.taps * plan.channels;
  t.residual_stride = p.residual_stride;
  t.out_stride = p.out_stride;
  t.channels = p.in_c;
  t.fetch = p.batch * (p.in_h * p.in_w + p.out_h * p.out_w) * p.in_c * static_cast<int64_t>(sizeof(float)) >
            cpu_info().l2_bytes / 2;
  t.lo = clip ? p.activation.lo : -kInfinity;
  t.hi = clip ? p.activation.hi : kInfinity;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t part = unit % plan.splits, row = unit / plan.splits, n = row / p.out_h, y = row % p.out_h;
    const int64_t top = y * p.stride_h - p.pad_top;
    int64_t first = 0, last = p.kernel_h;
    while (first < last && top + first * p.dilation_h < 0) ++first;
    while (first < last && top + (last - 1) * p.dilation_h >= p.in_h) --last;
    t.in = args.in + (n * p.in_h + top + first * p.dilation_h) * p.in_w * p.in_stride;
    t.tap_rows = last - first;
    t.weights = weights + first * p.kernel_w * plan.channels;
    const int64_t pixel = row * p.out_w;
    t.out = args.out + pixel * p.out_stride;
    const float* residual = p.has_residual ? args.residual + pixel * p.residual_stride : nullptr;
    t.residual = epilogue.residual_in_tile ? residual : nullptr;
    t.x_begin = part * p.out_w / plan.splits;
    t.x_end = (part + 1) * p.out_w / plan.splits;
    body(t);
    if (epilogue.post) {
      plan.igemm->post(t.out + t.x_begin * p.out_stride, p.out_stride, t.x_end - t.x_begin, p.out_c, p.activation,
                       epilogue.residual_in_post ? residual + t.x_begin * p.residual_stride : nullptr,
                       p.residual_stride);
    }
  }
}

}  // namespace

ConvKernel conv_depthwise_kernel(std::string_view name, Isa isa) { return {name, isa, configure, pack, run, cost}; }

}  // namespace cycloid::kernels
