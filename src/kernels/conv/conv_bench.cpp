// Every convolution kernel on the shapes of known networks, one thread. `%peak` counts the multiply-adds of the
// definition, so an algorithm that needs fewer can pass 100.
#include <benchmark/benchmark.h>

#include <cstring>

#include "base/aligned.h"
#include "base/denormal.h"
#include "kernels/conv/conv.h"
#include "kernels/peak/peak.h"

namespace cycloid::kernels {
namespace {

struct Shape {
  const char* name;
  int64_t batch, in, in_c, out, out_c, kernel, stride, pad, groups;
  bool channels_first = false;
};

// SqueezeNet 1.0 and 1.1 at (5, 3, 64, 64), then others.
constexpr Shape kShapes[] = {
    {"squeezenet10/conv1", 5, 64, 3, 29, 96, 7, 2, 0, 1},
    {"squeezenet10/conv1.first", 5, 64, 3, 29, 96, 7, 2, 0, 1, true},
    {"squeezenet10/fire2.squeeze", 5, 14, 96, 14, 16, 1, 1, 0, 1},
    {"squeezenet10/fire2.expand1", 5, 14, 16, 14, 64, 1, 1, 0, 1},
    {"squeezenet10/fire2.expand3", 5, 14, 16, 14, 64, 3, 1, 1, 1},
    {"squeezenet10/fire3.squeeze", 5, 14, 128, 14, 16, 1, 1, 0, 1},
    {"squeezenet10/fire4.squeeze", 5, 14, 128, 14, 32, 1, 1, 0, 1},
    {"squeezenet10/fire4.expand1", 5, 14, 32, 14, 128, 1, 1, 0, 1},
    {"squeezenet10/fire4.expand3", 5, 14, 32, 14, 128, 3, 1, 1, 1},
    {"squeezenet10/fire5.squeeze", 5, 7, 256, 7, 32, 1, 1, 0, 1},
    {"squeezenet10/fire5.expand3", 5, 7, 32, 7, 128, 3, 1, 1, 1},
    {"squeezenet10/fire6.expand3", 5, 7, 48, 7, 192, 3, 1, 1, 1},
    {"squeezenet10/fire8.squeeze", 5, 7, 384, 7, 64, 1, 1, 0, 1},
    {"squeezenet10/fire8.expand3", 5, 7, 64, 7, 256, 3, 1, 1, 1},
    {"squeezenet10/fire9.expand1", 5, 3, 64, 3, 256, 1, 1, 0, 1},
    {"squeezenet10/fire9.expand3", 5, 3, 64, 3, 256, 3, 1, 1, 1},
    {"squeezenet10/conv10", 5, 3, 512, 3, 1000, 1, 1, 0, 1},
    {"squeezenet11/conv1", 5, 64, 3, 31, 64, 3, 2, 0, 1},
    {"squeezenet11/conv1.first", 5, 64, 3, 31, 64, 3, 2, 0, 1, true},
    {"squeezenet11/fire2.expand3", 5, 15, 16, 15, 64, 3, 1, 1, 1},
    {"resnet50/layer1.3x3", 1, 56, 64, 56, 64, 3, 1, 1, 1},
    {"resnet50/layer2.3x3", 1, 28, 128, 28, 128, 3, 1, 1, 1},
    {"resnet50/layer3.3x3", 1, 14, 256, 14, 256, 3, 1, 1, 1},
    {"resnet50/layer4.3x3", 1, 7, 512, 7, 512, 3, 1, 1, 1},
    {"resnet50/layer2.1x1", 1, 28, 512, 28, 128, 1, 1, 0, 1},
    {"resnet50/layer3.1x1", 1, 14, 256, 14, 1024, 1, 1, 0, 1},
    {"resnet50/layer4.1x1", 1, 7, 2048, 7, 512, 1, 1, 0, 1},
    {"resnet50/layer3.squeeze", 1, 14, 1024, 14, 256, 1, 1, 0, 1},
    {"resnet50/conv1", 1, 224, 3, 112, 64, 7, 2, 3, 1},
    {"resnet50/conv1.first", 1, 224, 3, 112, 64, 7, 2, 3, 1, true},
    {"mobilenet/dw56s1", 1, 56, 128, 56, 128, 3, 1, 1, 128},
    {"mobilenet/dw28s2", 1, 28, 256, 14, 256, 3, 2, 1, 256},
    {"mobilenet/dw14k5", 1, 14, 240, 14, 240, 5, 1, 2, 240},
    {"mobilenet/pw14", 1, 14, 256, 14, 512, 1, 1, 0, 1},
    {"shufflenet/grouped", 1, 28, 136, 28, 136, 1, 1, 0, 4},
    {"superres/conv5", 1, 224, 1, 224, 64, 5, 1, 2, 1},
    {"superres/conv3", 1, 112, 64, 112, 32, 3, 1, 1, 1},
};

ConvParams params(const Shape& s) {
  return {.batch = s.batch,
          .in_h = s.in,
          .in_w = s.in,
          .in_c = s.in_c,
          .out_h = s.out,
          .out_w = s.out,
          .out_c = s.out_c,
          .kernel_h = s.kernel,
          .kernel_w = s.kernel,
          .stride_h = s.stride,
          .stride_w = s.stride,
          .pad_top = s.pad,
          .pad_left = s.pad,
          .groups = s.groups,
          .channels_first = s.channels_first,
          .activation = relu()};
}

void run(benchmark::State& state, const ConvKernel& kernel, const Shape& s) {
  const FlushDenormals flush;
  const ConvParams p = params(s);
  const ConvSelection selection = configure_conv(kernel, p);
  if (const std::string* reason = std::get_if<std::string>(&selection)) {
    state.SkipWithError(reason->c_str());
    return;
  }
  const ConvPlan& plan = std::get<ConvPlan>(selection);
  AlignedBuffer<float> in(static_cast<size_t>(s.batch * s.in * s.in * s.in_c));
  AlignedBuffer<float> out(static_cast<size_t>(s.batch * s.out * s.out * s.out_c));
  AlignedBuffer<float> weights(static_cast<size_t>(s.out_c * s.in_c / s.groups * s.kernel * s.kernel));
  for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i % 17) * 0.1f - 0.8f;
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 13) * 0.1f - 0.6f;
  AlignedBuffer<char> packed(plan.packed_bytes), scratch(plan.scratch_bytes);
  plan.pack(weights.data(), nullptr, packed.data());
  const ConvArgs args{.in = in.data(), .packed = packed.data(), .out = out.data(), .scratch = scratch.data()};
  for ([[maybe_unused]] auto _ : state) {
    plan.run(args, 0, plan.units);
    benchmark::ClobberMemory();
  }
  static const double peaks[] = {measure_peak_flops(Isa::kScalar),
                                 isa_available(Isa::kAvx2) ? measure_peak_flops(Isa::kAvx2) : 0,
                                 isa_available(Isa::kAvx512) ? measure_peak_flops(Isa::kAvx512) : 0};
  const double rate = p.flops() * static_cast<double>(state.iterations());
  state.counters["estimate_us"] = conv_cost_ns(plan) * 1e-3;
  state.counters["GFLOP/s"] = benchmark::Counter(rate * 1e-9, benchmark::Counter::kIsRate);
  state.counters["%peak"] =
      benchmark::Counter(100 * rate / peaks[static_cast<int>(kernel.isa)], benchmark::Counter::kIsRate);
}

// Registered when the program starts: google-benchmark's own way.
const bool registered = [] {
  for (const ConvKernel& kernel : conv_kernels()) {
    if (!isa_available(kernel.isa)) continue;
    for (const Shape& shape : kShapes) {
      if (std::holds_alternative<std::string>(configure_conv(kernel, params(shape)))) continue;
      benchmark::RegisterBenchmark((std::string(kernel.name) + "/" + shape.name).c_str(), [&kernel, &shape](
                                                                                              benchmark::State& state) {
        run(state, kernel, shape);
      })->Unit(benchmark::kMicrosecond);
    }
  }
  return true;
}();

}  // namespace
}  // namespace cycloid::kernels
