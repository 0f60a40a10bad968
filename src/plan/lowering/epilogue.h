// What follows a convolution or matrix product and is done by its kernel: residual, activation.
#pragma once

#include <optional>
#include <vector>

#include "plan/lowering/activation.h"

namespace cycloid {

struct EpilogueMatch {
  kernels::Activation activation;
  ValueId residual;            // invalid: none
  bool residual_last = false;  // added after the activation
  std::vector<NodeId> nodes;   // that are part of it
  ValueId output;              // of all
};

// Follows `value` (made by the node that is lowered now) through an activation and one addition of a tensor of the same dims that is
// available already.
EpilogueMatch match_epilogue(Lowering& lowering, ValueId value, std::size_t channel_axis);

}  // namespace cycloid
