// Lowerings of what picks and replaces elements by indices.
#pragma once

#include "plan/lowering/lowering.h"

namespace cycloid {

Declined lower_gather(Lowering& lowering, NodeId id);
Declined lower_gather_elements(Lowering& lowering, NodeId id);
Declined lower_gather_nd(Lowering& lowering, NodeId id);
Declined lower_reverse_sequence(Lowering& lowering, NodeId id);
Declined lower_scatter(Lowering& lowering, NodeId id);

}  // namespace cycloid
