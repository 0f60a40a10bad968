// The nodes around a Transpose through which its permutation can be moved, and the cheapest place for it.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "rewrite/rules/permuted_node.h"

namespace cycloid {

struct PermutedRegion {
  std::map<ValueId, Permutation> values;  // v = transpose(v', p)
  std::map<NodeId, PermutedNode> nodes;   // that can make v' of v'
  std::set<NodeId> chosen;                // those that should, by cost
};

// All that can be reached from the result of the Transpose `root` (or from its input, as v' of which the result is taken)
// without meeting another permutation.
enum class Side { kResult, kInput };
PermutedRegion region_of(const RuleContext& context, NodeId root, Side side);

// Chooses the nodes by a minimum cut: every transposing that is left costs the traffic of its value. False where nothing
// is cheaper than leaving all as it is.
bool choose(const RuleContext& context, PermutedRegion& region);

}  // namespace cycloid
