// The processor's own limit, to hold kernels against.
#pragma once

#include <cstdint>

#include "base/cpu.h"

namespace cycloid::kernels {

// `steps` times as many independent multiply-adds as hide their latency, on registers alone; returns the floating-point
// operations done. `sink` gets a value that depends on all of them.
using PeakFn = int64_t (*)(int64_t steps, float* sink);
PeakFn peak_kernel(Isa isa);

extern int64_t peak_loop_scalar(int64_t steps, float* sink);
extern int64_t peak_loop_avx2(int64_t steps, float* sink);
extern int64_t peak_loop_avx512(int64_t steps, float* sink);

// Floating-point operations per second of one thread, from the best of a few timed loops of ~1 ms together.
double measure_peak_flops(Isa isa);

}  // namespace cycloid::kernels
