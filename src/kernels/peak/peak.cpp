#include "kernels/peak/peak.h"

#include <algorithm>
#include <chrono>

#include "kernels/isa_table.h"

namespace cycloid::kernels {

PeakFn peak_kernel(Isa isa) { return CYCLOID_ISA_TABLE(isa, peak_loop); }

double measure_peak_flops(Isa isa) {
  const PeakFn loop = peak_kernel(isa);
  float sink = 0.5f;
  double best = 0;
  for (int round = 0; round < 10; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    const int64_t flops = loop(20000, &sink);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    best = std::max(best, static_cast<double>(flops) / time.count());
    sink = 0.5f;
  }
  return best;
}

}  // namespace cycloid::kernels
