// The makers of the convolution kernels that manifest.inc lists.
#pragma once

#include "kernels/conv/conv.h"
#include "kernels/igemm/epilogue.h"
#include "kernels/igemm/igemm_shape.h"

namespace cycloid::kernels {

ConvKernel conv_igemm_kernel(std::string_view name, Isa isa);
ConvKernel conv_position_kernel(std::string_view name, Isa isa);
ConvKernel conv_stem_kernel(std::string_view name, Isa isa);
ConvKernel conv_depthwise_kernel(std::string_view name, Isa isa);
ConvKernel conv_winograd_n4_kernel(std::string_view name, Isa isa);
ConvKernel conv_winograd_n5_kernel(std::string_view name, Isa isa);
ConvKernel conv_winograd_n6_kernel(std::string_view name, Isa isa);
ConvKernel conv_winograd_n8_kernel(std::string_view name, Isa isa);
ConvKernel conv_winograd_rows_kernel(std::string_view name, Isa isa);
ConvKernel conv_bf16x3_kernel(std::string_view name, Isa isa);

// Of the output, in all images.
inline int64_t pixels(const ConvParams& p) { return p.batch * p.out_h * p.out_w; }

// Sets the plan's register tiles; false where there are none of the width that was asked for.
inline bool set_tiles(ConvPlan& plan, const IgemmShape& shape) {
  plan.vectors = shape.vectors;
  plan.tiles = shape.tiles;
  plan.panels = shape.panels;
  plan.tile_rows = shape.tile_rows;
  return shape.vectors != 0;
}

// Cycles of a call of the register tile beside its sums, measured on Zen 4.
inline constexpr double kCallCycles = 80;

// What reading the packed weights `passes` times takes, in the unit of ConvKernel::cost, where they do not stay in L2: about 8
// bytes per cycle from L3 and 3 from memory (one core of the reference machine). It overlaps with arithmetic. Weights that
// would stay by themselves are pushed out between runs by those of other layers, and read once from afar.
inline double weight_streaming_cost(const ConvPlan& plan, double passes) {
  const CpuInfo& cpu = cpu_info();
  const int64_t bytes = static_cast<int64_t>(plan.packed_bytes);
  if (bytes <= cpu.l2_bytes / 2) {
    if (!plan.params.weights_far) return 0;
    passes = 1;
  }
  // Other tenants and layers share L3.
  return static_cast<double>(bytes) * passes / (bytes <= cpu.l3_bytes / 4 ? 8 : 3) * kCostPerCycle;
}

}  // namespace cycloid::kernels
