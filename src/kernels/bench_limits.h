// What kernels' benchmarks are held against.
#pragma once

#include <map>
#include <utility>

#include "base/aligned.h"
#include "kernels/stream/stream.h"

namespace cycloid::kernels {

// Bytes per second that one thread reads or copies with vectors of `isa` where `bytes` are moved altogether: from and to the level of
// memory in which a kernel that moves as many finds its own. Measured once for each.
inline double stream_rate(Isa isa, int64_t bytes) {
  static std::map<std::pair<Isa, int64_t>, double> measured;
  const auto [found, fresh] = measured.try_emplace({isa, bytes}, 0.0);
  if (fresh) {
    constexpr int64_t kStep = kStreamStep * static_cast<int64_t>(sizeof(float));
    const int64_t half = (bytes / 2 + kStep - 1) / kStep * kStep;
    AlignedBuffer<float> from(static_cast<size_t>(half) / sizeof(float)), to(from.size());
    found->second = measure_bandwidth(isa, from.data(), to.data(), half, 0.01);
  }
  return found->second;
}

}  // namespace cycloid::kernels
