// The makers of the convolution kernels that manifest.inc lists.
#pragma once

#include "kernels/conv/conv.h"
#include "kernels/igemm/epilogue.h"

namespace cycloid::kernels {

ConvKernel conv_igemm_kernel(std::string_view name, Isa isa);
ConvKernel conv_depthwise_kernel(std::string_view name, Isa isa);
ConvKernel conv_winograd2_kernel(std::string_view name, Isa isa);
ConvKernel conv_winograd4_kernel(std::string_view name, Isa isa);

// What reading the packed weights `passes` times costs, in the unit of ConvKernel::cost, where they do not stay in L2:
// about 8 bytes per cycle from the next cache.
inline double weight_streaming_cost(const ConvPlan& plan, double passes) {
  if (static_cast<int64_t>(plan.packed_bytes) <= cpu_info().l2_bytes / 2) return 0;
  return static_cast<double>(plan.packed_bytes) * passes / 8 * plan.igemm->lanes;
}

}  // namespace cycloid::kernels
