// The cost of entering and leaving a region, and of a barrier, for teams up to the usable processors.
#include <benchmark/benchmark.h>

#include "base/cgroup.h"
#include "base/threads.h"

namespace cycloid {
namespace {

void run_empty_region(benchmark::State& state) {
  const auto team = *ThreadTeam::create({.threads = static_cast<int>(state.range(0))});
  for ([[maybe_unused]] auto _ : state) team->run([](int) {});
}

void run_barriers(benchmark::State& state) {
  const auto team = *ThreadTeam::create({.threads = static_cast<int>(state.range(0))});
  constexpr int kBarriers = 100;
  for ([[maybe_unused]] auto _ : state) {
    team->run([&](int) {
      for (int i = 0; i < kBarriers; ++i) team->barrier();
    });
  }
  state.SetItemsProcessed(state.iterations() * kBarriers);
}

void each_size(benchmark::internal::Benchmark* b) {
  for (int threads = 1; threads <= usable_cpus(); ++threads) b->Arg(threads);
  b->UseRealTime();
}

BENCHMARK(run_empty_region)->Apply(each_size);
BENCHMARK(run_barriers)->Apply(each_size);

}  // namespace
}  // namespace cycloid
