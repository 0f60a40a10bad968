// All iterations of a Loop or Scan at once, where they do not depend on each other.
#pragma once

#include <optional>

#include "rewrite/rule.h"

namespace cycloid {

struct LoopBatch {
  Patch patch;
  bool reduces = false;   // a value carried along was a sum, product, maximum or minimum over the iterations
  bool segments = false;  // a reduction over the elements with `ids == iteration` became a scatter
};

// Nullopt: an iteration needs another one's result, it may stop early, or a node has no batched form.
std::optional<LoopBatch> batch_loop(const RuleContext& context, NodeId root);

}  // namespace cycloid
