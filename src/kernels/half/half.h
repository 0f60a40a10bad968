// float16 and bfloat16 to float32 (exact) and back (to nearest, ties to even; NaN stays NaN). Elements are bit patterns.
//
// A kernel is a function pointer, chosen once at plan time; work is split by passing parts.
#pragma once

#include "base/cpu.h"
#include "kernels/half/bodies.h"

namespace cycloid::kernels {

const HalfBodies& half_kernels(Isa isa);

}  // namespace cycloid::kernels
