// Every matrix product kernel on the shapes of known layers, one thread.
#include <benchmark/benchmark.h>

#include <cstring>

#include "base/aligned.h"
#include "base/denormal.h"
#include "kernels/gemm/gemm.h"
#include "kernels/peak/peak.h"

namespace cycloid::kernels {
namespace {

struct Shape {
  const char* name;
  int64_t batch, m, n, k;
  bool b_transposed, b_constant;
};

constexpr Shape kShapes[] = {
    {"square256", 1, 256, 256, 256, false, true},
    {"square1024", 1, 1024, 1024, 1024, false, true},
    {"square1024.runtime", 1, 1024, 1024, 1024, false, false},
    {"deep4096", 1, 128, 128, 4096, false, true},
    {"alexnet.fc6.batch1", 1, 1, 4096, 9216, true, true},
    {"mlp.30x64.batch1", 1, 1, 64, 30, true, true},
    {"mlp.512x512.batch1", 1, 1, 512, 512, true, true},
    {"mlp.512x512.batch128", 1, 128, 512, 512, true, true},
    {"attention.qk", 8, 128, 128, 64, true, false},
    {"attention.qkv", 1, 128, 1152, 384, false, true},
    {"dlrm.interaction", 128, 26, 26, 16, true, false},
    {"small64.runtime", 1, 64, 64, 64, false, false},
    {"rowvector.runtime", 1, 1, 512, 512, false, false},
};

void run(benchmark::State& state, Isa isa, const Shape& s) {
  const FlushDenormals flush;
  const GemmParams p{.batch = s.batch,
                     .m = s.m,
                     .n = s.n,
                     .k = s.k,
                     .b_transposed = s.b_transposed,
                     .b_constant = s.b_constant,
                     .a_step = s.m * s.k,
                     .b_step = s.n * s.k,
                     .c_step = s.m * s.n};
  const GemmPlan plan = std::get<GemmPlan>(select_gemm(p, isa));
  AlignedBuffer<float> a(static_cast<size_t>(s.batch * s.m * s.k)), b(static_cast<size_t>(s.batch * s.n * s.k)),
      c(static_cast<size_t>(s.batch * s.m * s.n));
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 17) * 0.1f - 0.8f;
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 13) * 0.1f - 0.6f;
  AlignedBuffer<char> packed(plan.packed_bytes), scratch(plan.scratch_bytes);
  if (s.b_constant) plan.pack(b.data(), packed.data());
  const GemmArgs args{.a = a.data(),
                      .b = s.b_constant ? nullptr : b.data(),
                      .packed = packed.data(),
                      .c = c.data(),
                      .scratch = scratch.data()};
  for ([[maybe_unused]] auto _ : state) {
    plan.run(args, 0, plan.units);
    benchmark::ClobberMemory();
  }
  const double rate = p.flops() * static_cast<double>(state.iterations());
  static const double peaks[] = {measure_peak_flops(Isa::kScalar),
                                 isa_available(Isa::kAvx2) ? measure_peak_flops(Isa::kAvx2) : 0,
                                 isa_available(Isa::kAvx512) ? measure_peak_flops(Isa::kAvx512) : 0};
  state.counters["GFLOP/s"] = benchmark::Counter(rate * 1e-9, benchmark::Counter::kIsRate);
  state.counters["%peak"] = benchmark::Counter(100 * rate / peaks[static_cast<int>(isa)], benchmark::Counter::kIsRate);
}

// Registered when the program starts: google-benchmark's own way.
const bool registered = [] {
  for (const GemmKernel& kernel : gemm_kernels()) {
    if (!isa_available(kernel.isa)) continue;
    for (const Shape& shape : kShapes) {
      benchmark::RegisterBenchmark((std::string(kernel.name) + "/" + shape.name).c_str(), [isa = kernel.isa, &shape](
                                                                                              benchmark::State& state) {
        run(state, isa, shape);
      })->Unit(benchmark::kMicrosecond);
    }
  }
  return true;
}();

}  // namespace
}  // namespace cycloid::kernels
