// Lowerings of operators whose results' shapes depend on data: their results go into slots.
#pragma once

#include "plan/lowering/lowering.h"

namespace cycloid {

Declined lower_non_zero(Lowering& lowering, NodeId id);
Declined lower_compress(Lowering& lowering, NodeId id);
Declined lower_unique(Lowering& lowering, NodeId id);
Declined lower_non_max_suppression(Lowering& lowering, NodeId id);

}  // namespace cycloid
