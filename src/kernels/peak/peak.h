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

// The same with each multiply-add waiting for the one before.
extern int64_t peak_chain_scalar(int64_t steps, float* sink);
extern int64_t peak_chain_avx2(int64_t steps, float* sink);
extern int64_t peak_chain_avx512(int64_t steps, float* sink);

// How many multiply-adds of 512 bits a core starts per cycle: 2 on Intel's servers, 1 on Zen 4 (which does each in two halves) and
// on Intel's clients; 1 where there is no AVX-512. Measured once, in about 50 us, as models and cpuid do not tell (a hypervisor
// may show another model): independent multiply-adds take 4 cycles' latency times as many pipes less than dependent ones.
int wide_fma_pipes();

// Floating-point operations per second of one thread, from the best of a few timed loops of ~1 ms together.
double measure_peak_flops(Isa isa);

}  // namespace cycloid::kernels
