// Transposing a matrix of elements of 1, 2, 4 or 8 bytes block by block in registers.
#pragma once

#include "base/cpu.h"
#include "kernels/move/transpose_bodies.h"

namespace cycloid::kernels {

// Null for elements of another size.
TransposeFn transpose_kernel(Isa isa, int64_t element_bytes);

}  // namespace cycloid::kernels
