// Bounds for the lists that a step keeps of the elements along an axis: they may take as much as a run may.
#pragma once

#include <memory>

#include "base/work_bounds.h"
#include "plan/lowering/lowering.h"

namespace cycloid {

inline WorkBounds list_bounds(const Lowering& lowering) {
  WorkBounds bounds = work_bounds() != nullptr ? *work_bounds() : WorkBounds();
  if (const std::size_t most = lowering.options().max_memory; most > 0)
    bounds.memory = std::make_shared<MemoryBudget>(most);
  return bounds;
}

}  // namespace cycloid
