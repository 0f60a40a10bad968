// Pooling, row-wise kernels, permutations and picks on the shapes of known layers: bytes read and written per second, and as a share of
// what reading or copying as many takes.
#include <benchmark/benchmark.h>

#include "base/aligned.h"
#include "kernels/bench_limits.h"
#include "kernels/move/move.h"
#include "kernels/pick/pick.h"
#include "kernels/pool/pool.h"
#include "kernels/rowwise/rowwise.h"

namespace cycloid::kernels {
namespace {

template <class Run>
void add(const std::string& name, Isa isa, int64_t in_floats, int64_t out_floats, const Run& run) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    AlignedBuffer<float> in(static_cast<size_t>(in_floats)), out(static_cast<size_t>(out_floats));
    for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i % 17) * 0.1f - 0.8f;
    for ([[maybe_unused]] auto _ : state) {
      run(in.data(), out.data());
      benchmark::ClobberMemory();
    }
    const int64_t bytes = (in_floats + out_floats) * 4;
    state.SetBytesProcessed(state.iterations() * bytes);
    state.counters["%stream"] = benchmark::Counter(
        100 * static_cast<double>(state.iterations() * bytes) / stream_rate(isa, bytes), benchmark::Counter::kIsRate);
  })->Unit(benchmark::kMicrosecond);
}

void add_pools(Isa isa) {
  const PoolParams pools[] = {
      {.kind = PoolKind::kMax,
       .batch = 5,
       .in_h = 29,
       .in_w = 29,
       .channels = 96,
       .out_h = 14,
       .out_w = 14,
       .kernel_h = 3,
       .kernel_w = 3,
       .stride_h = 2,
       .stride_w = 2},
      {.kind = PoolKind::kAverage, .batch = 5, .in_h = 7, .in_w = 7, .channels = 512, .kernel_h = 7, .kernel_w = 7},
  };
  for (const PoolParams& p : pools) {
    const PoolPlan plan = std::get<PoolPlan>(select_pool(p, isa));
    add(std::string(plan.name) + "/" + std::to_string(p.in_h) + "x" + std::to_string(p.channels), isa,
        p.batch * p.in_h * p.in_w * p.channels, p.batch * p.out_h * p.out_w * p.channels,
        [plan](const float* in, float* out) { plan.run(in, out, nullptr, 0, plan.units); });
  }
}

void add_rows(Isa isa) {
  const std::string suffix = "." + std::string(to_string(isa));
  constexpr int64_t kRows = 64, kColumns = 384, kCount = kRows * kColumns;
  add("rowwise.softmax" + suffix, isa, kCount, kCount, [fn = softmax_kernel(isa)](const float* in, float* out) {
    fn({in, kColumns, out, kColumns, kRows, kColumns, false});
  });
  add("rowwise.normalize" + suffix, isa, kCount, kCount, [fn = normalize_kernel(isa)](const float* in, float* out) {
    fn({in, kColumns, out, kColumns, kRows, kColumns, nullptr, nullptr, 1e-5f, true});
  });
  add("rowwise.lrn" + suffix, isa, kCount, kCount + kColumns + 5, [fn = lrn_kernel(isa)](const float* in, float* out) {
    fn({in, kColumns, out, kColumns, kRows, kColumns, 5, 1e-4f, 0.75f, 1, out + kCount});
  });
  for (const ReduceKernel& kernel : reduce_kernels()) {
    add(std::string(kernel.name) + ".rows" + suffix, isa, kCount, kRows,
        [fn = reduce_rows_kernel(kernel.kind, isa)](const float* in, float* out) {
          fn({in, kColumns, out, kRows, kColumns});
        });
    add(std::string(kernel.name) + ".columns" + suffix, isa, kCount, kColumns,
        [fn = reduce_columns_kernel(kernel.kind, isa)](const float* in, float* out) {
          fn({in, kColumns, out, kRows, kColumns});
        });
  }
}

void add_permutes() {
  const auto permute = [](const char* name, std::vector<int64_t> shape, std::vector<int64_t> order) {
    int64_t count = 1;
    for (const int64_t d : shape) count *= d;
    const PermutePlan plan = std::get<PermutePlan>(plan_permute(shape, order, 4, cpu_info().best_isa));
    add(std::string("move.permute/") + name, cpu_info().best_isa, count, count,
        [plan](const float* in, float* out) { plan.run(in, out, 0, plan.units); });
  };
  permute("image_nchw_to_nhwc", {5, 3, 64, 64}, {0, 2, 3, 1});
  permute("nchw_to_nhwc", {1, 64, 56, 56}, {0, 2, 3, 1});
  permute("nhwc_to_nchw", {5, 7, 7, 512}, {0, 3, 1, 2});
  permute("transpose_2000x5000", {2000, 5000}, {1, 0});
  permute("heads", {1, 128, 12, 32}, {0, 2, 1, 3});
  permute("space_to_depth_2", {32, 32, 2, 32, 2}, {2, 4, 0, 1, 3});
  permute("depth_to_space_2", {2, 2, 32, 32, 32}, {2, 3, 0, 4, 1});
}

// Of numbers that are nearly all other than 0, as one row and in rows of 128: what is written depends on them.
void add_picks() {
  constexpr int64_t kCount = 65536;
  const auto find = [](const char* name, const std::vector<int64_t>& dims) {
    add(std::string("pick.non_zero/") + name, cpu_info().best_isa, kCount,
        2 * kCount * static_cast<int64_t>(dims.size()), [dims](const float* in, float* out) {
          const int64_t count = count_non_zeros(ZeroTest::kFloat32, in, kCount);
          find_non_zeros(ZeroTest::kFloat32, in, dims, count, reinterpret_cast<int64_t*>(out));
        });
  };
  find("65536", {kCount});
  find("512x128", {512, 128});
  add("pick.elements/65536", cpu_info().best_isa, kCount, kCount, [](const float* in, float* out) {
    pick_elements(sizeof(float), in, reinterpret_cast<const uint8_t*>(in), kCount, out);
  });
}

// Registered when the program starts: google-benchmark's own way.
const bool registered = [] {
  for (const Isa isa : kAllIsas) {
    if (!isa_available(isa)) continue;
    add_pools(isa);
    add_rows(isa);
  }
  add_permutes();
  add_picks();
  return true;
}();

}  // namespace
}  // namespace cycloid::kernels
