// Lowerings of recurrent operators.
#pragma once

#include "plan/lowering/lowering.h"

namespace cycloid {

Declined lower_recurrent(Lowering& lowering, NodeId id);

}  // namespace cycloid
