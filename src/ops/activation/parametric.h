// Activations of one floating-point element: Elu, Selu, Celu, LeakyRelu, ThresholdedRelu, Sigmoid, HardSigmoid, HardSwish,
// Tanh, Softplus, Softsign, Gelu, Mish, Swish; with integers too, Shrink. Two inputs: PRelu, SwiGLU.
#pragma once

#include "ops/op_list.h"

namespace cycloid {

void add_parametric_ops(OpList& list);

}  // namespace cycloid
