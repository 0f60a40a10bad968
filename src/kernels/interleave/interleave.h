// Two tensors' channels taken in turns, and taken apart again: shuffles of channels in two groups, channels-last float32.
#pragma once

#include "base/cpu.h"
#include "kernels/interleave/bodies.h"

namespace cycloid::kernels {

InterleaveFn interleave_kernel(Isa isa);
SeparateFn separate_kernel(Isa isa);

}  // namespace cycloid::kernels
