#include "kernels/peak/peak.h"

#include <algorithm>
#include <chrono>

#include "kernels/isa_table.h"

namespace cycloid::kernels {

PeakFn peak_kernel(Isa isa) { return CYCLOID_ISA_TABLE(isa, peak_loop); }

int wide_fma_pipes() {
  static const int pipes = [] {
    if (!isa_available(Isa::kAvx512)) return 1;
    constexpr int64_t kSteps = 1000;
    // The least of several times per multiply-add: no interruption makes one shorter.
    const auto least_time = [](PeakFn loop) {
      double least = 0;
      for (int round = 0; round < 8; ++round) {
        float sink = 0.5f;
        const auto begin = std::chrono::steady_clock::now();
        const int64_t flops = loop(kSteps, &sink);
        const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
        const double each = time.count() / static_cast<double>(flops);
        least = round == 0 ? each : std::min(least, each);
      }
      return least;
    };
    const double ratio =
        least_time(CYCLOID_ISA_TABLE(Isa::kAvx512, peak_chain)) / least_time(peak_kernel(Isa::kAvx512));
    return ratio > 6 ? 2 : 1;  // 8 or 4
  }();
  return pipes;
}

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
