// Lowerings of control flow.
#pragma once

#include "plan/lowering/lowering.h"

namespace cycloid {

Declined lower_if(Lowering& lowering, NodeId id);
Declined lower_loop(Lowering& lowering, NodeId id);
Declined lower_scan(Lowering& lowering, NodeId id);

// Whether the lowering looks at the shapes of inputs and outputs itself. Others are called only where all are known and no
// output is empty.
bool takes_any_shape(Lower lower);

}  // namespace cycloid
