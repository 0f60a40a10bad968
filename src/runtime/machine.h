// What the machine could do at best, to hold measurements against.
#pragma once

#include "base/cpu.h"

namespace cycloid {

// Floating-point operations (float32; a multiply-add is two) per second of one thread with the vectors of `isa`, on
// registers alone. Measured each time, in ~10 ms.
double peak_flops(Isa isa);

}  // namespace cycloid
