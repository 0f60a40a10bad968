// How fast memory can be read and copied: the other limit to hold kernels against, beside peak/.
#pragma once

#include <cstdint>

#include "base/cpu.h"

namespace cycloid::kernels {

struct StreamArgs {
  const float* from;
  float* to;      // of a copy
  int64_t count;  // floats, a multiple of kStreamStep
  float* sink;    // of a read: gets a value that depends on all
};
inline constexpr int64_t kStreamStep = 128;

using StreamFn = void (*)(const StreamArgs&);
StreamFn stream_read_kernel(Isa isa);  // sums all elements
StreamFn stream_copy_kernel(Isa isa);

extern void stream_read_scalar(const StreamArgs&);
extern void stream_read_avx2(const StreamArgs&);
extern void stream_read_avx512(const StreamArgs&);
extern void stream_copy_scalar(const StreamArgs&);
extern void stream_copy_avx2(const StreamArgs&);
extern void stream_copy_avx512(const StreamArgs&);

// Bytes read (and, of a copy, written) per second by the calling thread over `from` and `to`, `bytes` long each: the faster of
// reading and copying, in the best of a few passes that take about `seconds` together. Both are read once before, untimed, so
// what fits a cache is in it.
double measure_bandwidth(Isa isa, float* from, float* to, int64_t bytes, double seconds);

}  // namespace cycloid::kernels
