// Dynamic quantisation as steps.
#pragma once

#include "kernels/qgemm/qtile.h"
#include "plan/lowering/lowering.h"

namespace cycloid {

struct DynamicPlaces {
  Place q, scale, zero;
};

// Of values that are quantised in the run, to bytes over their range and 0.
struct DynamicScale {
  float scale = 1;
  std::int32_t zero = 0;
};
DynamicScale dynamic_scale(const kernels::QtileKernels& kernels, const float* x, std::int64_t count);

// The bytes, scale and zero point of x as DynamicQuantizeLinear has them.
void add_dynamic_quantize(Lowering& lowering, const Place& x, const DynamicPlaces& to, std::vector<NodeId> nodes);

}  // namespace cycloid
