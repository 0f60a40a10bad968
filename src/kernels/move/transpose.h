// Transposing a matrix of floats block by block in registers.
#pragma once

#include "base/cpu.h"
#include "kernels/move/transpose_bodies.h"

namespace cycloid::kernels {

TransposeFn transpose_kernel(Isa isa);

}  // namespace cycloid::kernels
