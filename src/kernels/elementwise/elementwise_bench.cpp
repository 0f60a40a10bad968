// Every element-wise kernel on 32 KiB of floats, which stay in L2: bytes read and written per second, and as a share of what
// reading or copying as many takes.
#include <benchmark/benchmark.h>

#include "base/aligned.h"
#include "kernels/bench_limits.h"
#include "kernels/elementwise/elementwise.h"

namespace cycloid::kernels {
namespace {

constexpr int64_t kCount = 8192;

template <class Run>
void add(std::string_view name, Isa isa, int64_t arrays, Run run) {
  benchmark::RegisterBenchmark(
      (std::string(name) + "." + std::string(to_string(isa))).c_str(), [run, arrays, isa](benchmark::State& state) {
        AlignedBuffer<float> a(kCount), b(kCount), y(kCount);
        for (int64_t i = 0; i < kCount; ++i) {
          a[static_cast<size_t>(i)] = static_cast<float>(i % 100) * 0.03f + 0.01f;
          b[static_cast<size_t>(i)] = static_cast<float>(i % 77) * 0.05f + 0.01f;
        }
        for ([[maybe_unused]] auto _ : state) {
          run(a.data(), b.data(), y.data());
          benchmark::ClobberMemory();
        }
        const int64_t bytes = kCount * arrays * 4;
        state.SetBytesProcessed(state.iterations() * bytes);
        state.counters["%stream"] =
            benchmark::Counter(100 * static_cast<double>(state.iterations() * bytes) / stream_rate(isa, bytes),
                               benchmark::Counter::kIsRate);
      });
}

// Registered when the program starts: google-benchmark's own way.
const bool registered = [] {
  for (const Isa isa : kAllIsas) {
    if (!isa_available(isa)) continue;
    for (const UnaryKernel& kernel : unary_kernels()) {
      add(kernel.name, isa, 2, [fn = unary_kernel(kernel.kind, isa)](const float* a, const float*, float* y) {
        fn({a, kCount, y, kCount, 1, kCount, {}});
      });
    }
    for (const BinaryKernel& kernel : binary_kernels()) {
      add(kernel.name, isa, 3, [fn = binary_kernel(kernel.kind, isa)](const float* a, const float* b, float* y) {
        fn({a, kCount, 1, b, kCount, 1, y, kCount, 1, kCount, false, 0, 0});
      });
    }
#define CYCLOID_ACTIVATION(kind)                                                                            \
  add("elementwise.activation." #kind, isa, 2,                                                              \
      [fn = activation_kernel(ActivationKind::kind, isa)](const float* a, const float* b, float* y) {       \
        fn({a, kCount, y, kCount, 1, kCount, {.lo = 0, .hi = 1, .alpha = 0.1f, .beta = 0.5f, .slope = b}}); \
      });
    CYCLOID_ALL_ACTIVATIONS(CYCLOID_ACTIVATION)
#undef CYCLOID_ACTIVATION
  }
  return true;
}();

}  // namespace
}  // namespace cycloid::kernels
