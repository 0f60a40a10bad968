// Every kernel of byte products on the shapes of known layers, one thread.
#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "base/aligned.h"
#include "kernels/qgemm/qgemm.h"

namespace cycloid::kernels {
namespace {

struct Shape {
  const char* name;
  int64_t batch, m, n, k;
  bool b_constant;
};

constexpr Shape kShapes[] = {
    {"square256", 1, 256, 256, 256, true},        {"square1024", 1, 1024, 1024, 1024, true},
    {"encoder.ffn", 1, 400, 1536, 384, true},     {"encoder.qk", 6, 400, 400, 64, false},
    {"encoder.values", 6, 400, 64, 400, false},   {"lstm.state", 1, 1, 2048, 512, true},
    {"detector.1x1", 1, 160 * 160, 32, 16, true},
};

QgemmWindow window(int64_t size, int64_t channels, int64_t groups) {
  QgemmWindow w;
  w.in_h = w.in_w = w.out_h = w.out_w = size;
  w.in_c = channels;
  w.groups = groups;
  w.kernel_h = w.kernel_w = 3;
  w.pad_top = w.pad_left = 1;
  return w;
}

void measure(benchmark::State& state, const QgemmKernel& kernel, const QgemmParams& params, int64_t a_size,
             int64_t b_size, int64_t c_size) {
  const QgemmPlan plan = std::get<QgemmPlan>(configure_qgemm(kernel, params));
  AlignedBuffer<char> a(static_cast<size_t>(a_size)), b(static_cast<size_t>(b_size)), c(static_cast<size_t>(c_size));
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<char>(i % 251);
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<char>(i % 253);
  AlignedBuffer<char> packed(plan.packed_bytes), scratch(plan.scratch_bytes);
  const std::vector<float> scale(static_cast<size_t>(plan.params.c_stride), 0.001f);
  if (params.b_constant) plan.pack(b.data(), {}, packed.data());
  const QgemmArgs args{.a = a.data(),
                       .b = b.data(),
                       .packed = packed.data(),
                       .a_zero = 120,
                       .scale = scale.data(),
                       .c = c.data(),
                       .scratch = scratch.data()};
  for ([[maybe_unused]] auto _ : state) {
    plan.run(args, 0, plan.units);
    benchmark::ClobberMemory();
  }
  state.counters["GOP/s"] = benchmark::Counter(plan.params.flops() * static_cast<double>(state.iterations()) * 1e-9,
                                               benchmark::Counter::kIsRate);
}

void product(benchmark::State& state, const QgemmKernel& kernel, const Shape& s) {
  QgemmParams p{.batch = s.batch, .m = s.m, .n = s.n, .k = s.k};
  p.b_constant = s.b_constant;
  p.a_step = s.m * s.k;
  p.b_step = s.n * s.k;
  p.c_step = s.m * s.n;
  p.output = QgemmOutput::kBytes;
  measure(state, kernel, p, s.batch * s.m * s.k, s.batch * s.n * s.k, s.batch * s.m * s.n);
}

void convolution(benchmark::State& state, const QgemmKernel& kernel, const QgemmWindow& w, int64_t filters) {
  QgemmParams p;
  p.window = w;
  p.n = filters / w.groups;
  p.b_transposed = true;
  p.b_fits = true;
  p.output = QgemmOutput::kBytes;
  const int64_t pixels = w.out_h * w.out_w;
  measure(state, kernel, p, pixels * w.in_c, filters * w.in_c / w.groups * 9, pixels * filters);
}

// Registered when the program starts: google-benchmark's own way.
const bool registered = [] {
  for (const QgemmKernel& kernel : qgemm_kernels()) {
    if (!available(kernel)) continue;
    const std::string name(kernel.name);
    for (const Shape& shape : kShapes) {
      benchmark::RegisterBenchmark((name + "/" + shape.name).c_str(), [&kernel, &shape](benchmark::State& state) {
        product(state, kernel, shape);
      })->Unit(benchmark::kMicrosecond);
    }
    benchmark::RegisterBenchmark((name + "/conv3x3.64x40x40").c_str(), [&kernel](benchmark::State& state) {
      convolution(state, kernel, window(40, 64, 1), 64);
    })->Unit(benchmark::kMicrosecond);
    benchmark::RegisterBenchmark((name + "/depthwise3x3.64x80x80").c_str(), [&kernel](benchmark::State& state) {
      convolution(state, kernel, window(80, 64, 64), 64);
    })->Unit(benchmark::kMicrosecond);
  }
  return true;
}();

}  // namespace
}  // namespace cycloid::kernels
