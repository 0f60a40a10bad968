// Activations: the nodes that a kernel can apply to its result before it stores it.
#pragma once

#include <optional>
#include <vector>

#include "kernels/activation.h"
#include "plan/lowering/lowering.h"

namespace cycloid {

// What the node computes of its first input, if it is an activation with constant parameters. `channel_axis` is the axis
// whose sizes index PRelu's slopes; their memory belongs to the plan.
std::optional<kernels::Activation> activation_of(Lowering& lowering, const Node& node, std::size_t channel_axis);

struct ActivationMatch {
  kernels::Activation activation;
  std::vector<NodeId> nodes;
  ValueId output;
};

// The activation that is all that is done with `value`: one node, or a pattern of nodes such as x * sigmoid(x).
std::optional<ActivationMatch> match_activation(Lowering& lowering, ValueId value, std::size_t channel_axis);

// The same, for kernels that can only clip.
std::optional<ActivationMatch> match_clip(Lowering& lowering, ValueId value);

}  // namespace cycloid
