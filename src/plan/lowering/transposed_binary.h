// y = op(a, transpose(b)) in one pass.
#pragma once

#include <optional>

#include "kernels/elementwise/elementwise.h"
#include "plan/lowering/lowering.h"

namespace cycloid {

// From this size on results are written past the caches. They hold too little of them to be read again from there, and a
// plain store reads each line before it writes it: a third of the traffic of a sum. Beyond any level-2 cache and the share
// of a level-3 cache that one of many programs on a machine has.
inline constexpr std::size_t kStreamBytes = std::size_t{16} << 20;

// Whether the second input of a binary node, or the first one, is a Transpose that waits and can be read in its order.
// If so adds the step for nodes[0], with the node absorbed, and defines `output`; else false, and nothing is changed.
bool add_transposed_binary(Lowering& lowering, kernels::BinaryKind kind, std::vector<NodeId> nodes, ValueId output,
                           std::optional<kernels::Activation> clip);

}  // namespace cycloid
