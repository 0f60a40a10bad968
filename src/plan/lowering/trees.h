// Lowerings of decision trees.
#pragma once

#include "plan/lowering/lowering.h"

namespace cycloid {

Declined lower_trees(Lowering& lowering, NodeId id);

}  // namespace cycloid
