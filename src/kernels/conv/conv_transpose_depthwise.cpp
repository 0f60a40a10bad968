// Transposed convolution of one input and one output channel per group. The pixels of a phase are those of an ordinary depthwise
// convolution of stride 1, with the phase's taps from the last to the first: so its bodies serve, with the outputs a stride apart.
//
// Packed memory: for each phase [tap rows][tap columns][channels], then the bias; all in whole vectors.
#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "base/aligned.h"
#include "kernels/conv/conv_transpose_parts.h"
#include "kernels/conv/depthwise.h"
#include "kernels/igemm/epilogue.h"
#include "kernels/igemm/igemm_shape.h"
#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

// The taps of one dimension that a phase takes, ascending by the inputs they read: last, last - step, ...
struct PhaseTaps {
  int64_t count = 0, last = 0, step = 1;
  int64_t dilation = 1;  // from input to input

  PhaseTaps(int64_t phase, int64_t kernel, int64_t stride, int64_t tap_dilation) {
    const int64_t shared = std::gcd(stride, tap_dilation);
    step = stride / shared;
    dilation = tap_dilation / shared;
    for (int64_t k = 0; k < kernel; ++k) {
      if (!in_phase(phase, k, stride, tap_dilation)) continue;
      ++count;
      last = k;
    }
  }
  // The input that the first of them reads for a padded output position of the phase.
  int64_t first_input(int64_t position, int64_t stride, int64_t tap_dilation) const {
    return (position - last * tap_dilation) / stride;  // there is no remainder
  }
};

PhaseTaps row_taps(const ConvTransposeParams& p, int64_t phase) {
  return {phase, p.kernel_h, p.stride_h, p.dilation_h};
}
PhaseTaps column_taps(const ConvTransposeParams& p, int64_t phase) {
  return {phase, p.kernel_w, p.stride_w, p.dilation_w};
}

const DepthwiseBody& body_for(const DepthwiseBodies& table, const PhaseTaps& columns) {
  for (int i = 0; i + 1 < table.count; ++i) {
    const DepthwiseBody& body = table.bodies[i];
    if (body.kernel_w == columns.count && body.stride_w == 1 && columns.dilation == 1) return body;
  }
  return table.bodies[table.count - 1];
}

}  // namespace

void select_depthwise_transpose(ConvTransposePlan& plan, Isa isa) {
  const ConvTransposeParams& p = plan.params;
  const DepthwiseBodies& table = CYCLOID_ISA_TABLE(isa, depthwise_bodies);
  plan.depthwise = &table;
  plan.channels = round_up(p.in_c, table.lanes);
  plan.packed_bytes = align_up(static_cast<size_t>((p.kernel_h * p.kernel_w + 1) * plan.channels) * sizeof(float));
  plan.scratch_bytes = 0;
  plan.units = p.batch * p.out_h;
}

void pack_depthwise_transpose(const ConvTransposePlan& plan, const float* weights, const float* bias, void* packed) {
  const ConvTransposeParams& p = plan.params;
  std::memset(packed, 0, plan.packed_bytes);
  float* to = static_cast<float*>(packed);
  for (int64_t phase_y = 0; phase_y < p.stride_h; ++phase_y) {
    const PhaseTaps rows = row_taps(p, phase_y);
    for (int64_t phase_x = 0; phase_x < p.stride_w; ++phase_x) {
      const PhaseTaps columns = column_taps(p, phase_x);
      for (int64_t i = 0; i < rows.count; ++i) {
        for (int64_t j = 0; j < columns.count; ++j, to += plan.channels) {
          const int64_t tap = (rows.last - i * rows.step) * p.kernel_w + columns.last - j * columns.step;
          for (int64_t c = 0; c < p.in_c; ++c) to[c] = weights[c * p.kernel_h * p.kernel_w + tap];
        }
      }
    }
  }
  if (bias != nullptr) std::copy_n(bias, p.in_c, to);
}

void run_depthwise_transpose(const ConvTransposePlan& plan, const ConvArgs& args, int64_t begin, int64_t end) {
  const ConvTransposeParams& p = plan.params;
  const Epilogue epilogue(p.activation, false, false);
  const bool clip = p.activation.kind == ActivationKind::kClip;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const auto* packed = static_cast<const float*>(args.packed);
  DepthwiseRow all{};
  all.in_w = p.in_w;
  all.in_stride = p.in_stride;
  all.stride_w = 1;
  all.weight_stride = plan.channels;
  all.bias = packed + p.kernel_h * p.kernel_w * plan.channels;
  all.out_stride = p.stride_w * p.out_stride;
  all.channels = p.in_c;
  all.lo = clip ? p.activation.lo : -kInfinity;
  all.hi = clip ? p.activation.hi : kInfinity;
  all.activation = clip ? nullptr : epilogue.in_body();
  for (int64_t row = begin; row < end; ++row) {
    const int64_t n = row / p.out_h, position = row % p.out_h + p.pad_top;
    float* out = args.out + row * p.out_w * p.out_stride;
    const float* weights = packed;
    for (int64_t phase_y = 0; phase_y < p.stride_h; ++phase_y) {
      const PhaseTaps rows = row_taps(p, phase_y);
      for (int64_t phase_x = 0; phase_x < p.stride_w; ++phase_x) {
        const PhaseTaps columns = column_taps(p, phase_x);
        const float* phase_weights = weights;
        weights += rows.count * columns.count * plan.channels;
        if (position % p.stride_h != phase_y) continue;
        DepthwiseRow t = all;
        const int64_t top = rows.first_input(position, p.stride_h, p.dilation_h);
        int64_t first = 0, last = rows.count;
        while (first < last && top + first * rows.dilation < 0) ++first;
        while (first < last && top + (last - 1) * rows.dilation >= p.in_h) --last;
        const int64_t x = ((phase_x - p.pad_left) % p.stride_w + p.stride_w) % p.stride_w;
        t.in = args.in + (n * p.in_h + (first < last ? top + first * rows.dilation : 0)) * p.in_w * p.in_stride;
        t.row_step = rows.dilation * p.in_w * p.in_stride;
        t.tap_rows = last - first;
        t.kernel_w = columns.count;
        t.dilation_w = columns.dilation;
        t.pad_left = -columns.first_input(x + p.pad_left, p.stride_w, p.dilation_w);
        t.weights = phase_weights + first * columns.count * plan.channels;
        t.out = out + x * p.out_stride;
        t.x_end = x < p.out_w ? (p.out_w - x + p.stride_w - 1) / p.stride_w : 0;
        if (t.x_end > 0) body_for(*plan.depthwise, columns).row(t);
      }
    }
    if (epilogue.post) plan.igemm->post(out, p.out_stride, p.out_w, p.out_c, p.activation, nullptr, 0);
  }
}

}  // namespace cycloid::kernels
