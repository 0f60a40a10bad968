// Nodes that scale and shift each channel by constants.
#pragma once

#include <optional>
#include <vector>

#include "graph/graph.h"

namespace cycloid {

// y[n, c, ...] = x[n, c, ...] * scale[c] + shift[c].
struct ChannelAffine {
  ValueId input;
  std::vector<double> scale, shift;
  bool worth_joining = false;  // not a plain scalar operation
};

// What the node does, if it is that: BatchNormalization outside training; Mul, Div, Add, Sub of a float32 tensor of rank 3 or more
// (BatchNormalization: 2 or more) and a constant that has one element a channel, or one. Finite numbers only.
std::optional<ChannelAffine> channel_affine(const Graph& graph, const Node& node);

}  // namespace cycloid
