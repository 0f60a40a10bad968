// Matrix products that are parts of other operators.
#pragma once

#include <optional>

#include "kernels/gemm/gemm.h"
#include "plan/lowering/lowering.h"

namespace cycloid {

// A step that computes c = a * b + bias, with a constant b ([k][n], or [n][k] if transposed) that is not looked at
// again. `params` has the sizes, strides and b_transposed.
void add_constant_product(Lowering& lowering, kernels::GemmParams params, const Place& a, const float* b,
                          const std::optional<Place>& bias, const Place& c, NodeId node);

}  // namespace cycloid
