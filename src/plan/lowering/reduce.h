// Reductions of float32 rows, also for operators other than Reduce...
#pragma once

#include "kernels/rowwise/rowwise.h"
#include "plan/lowering/lowering.h"

namespace cycloid {

// to[r] = the reduction of row r of `from`: both row-major, `rows` rows of `columns`.
void add_reduced_rows(Lowering& lowering, NodeId id, kernels::ReduceKind kind, std::int64_t rows, std::int64_t columns,
                      const Place& from, const Place& to);

}  // namespace cycloid
