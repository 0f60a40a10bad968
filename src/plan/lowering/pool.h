// What poolings become.
#pragma once

#include "kernels/pool/pool.h"
#include "plan/lowering/lowering.h"

namespace cycloid {

// The parameters of a pooling of float32, without strides; or why it is not native.
Declined pool_params(const Lowering& lowering, NodeId id, kernels::PoolParams& params);

}  // namespace cycloid
