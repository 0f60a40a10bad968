// Lowerings of functions of the elements along one axis.
#pragma once

#include "plan/lowering/lowering.h"

namespace cycloid {

Declined lower_arg(Lowering& lowering, NodeId id);             // ArgMax, ArgMin
Declined lower_cumulative_sum(Lowering& lowering, NodeId id);  // CumSum, CumProd
Declined lower_hardmax(Lowering& lowering, NodeId id);
Declined lower_top_k(Lowering& lowering, NodeId id);
Declined lower_one_hot(Lowering& lowering, NodeId id);
// ReduceSum and its kind of other types than float32, of neighbouring axes: [outer][n][inner].
Declined lower_reduce_lanes(Lowering& lowering, NodeId id, std::int64_t outer, std::int64_t n, std::int64_t inner);

}  // namespace cycloid
