#include "cli/optimize_measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "backends/list.h"
#include "backends/locate.h"
#include "base/error.h"
#include "bench/interrupt.h"
#include "bench/runner.h"
#include "cycloid/session.h"
#include "graph/graph.h"
#include "ops/datum.h"
#include "ops/sample_inputs.h"
#include "tensor/npy.h"

namespace cycloid {
namespace {

constexpr std::string_view kOriginal = "original";
constexpr std::int64_t kMinLoops = 60;
constexpr std::int64_t kMaxLoops = 4000;
constexpr int kRounds = 30;
constexpr std::string_view kAgain = "original again";
constexpr double kLeastNoise = 0.01;  // a clock of 100 ns on runs of 10 us

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

WorkerSpec spec_of(const std::string& backend, const Variant& variant, const std::vector<WorkerInput>& inputs,
                   const GainOptions& options, int interrupt_fd) {
  WorkerSpec spec;
  spec.backend = variant.name;
  spec.command = {{program_path(), "worker", backend}, {}, interrupt_fd};
  spec.load.model = variant.path;
  spec.load.form = to_string(Form::kOnnx);
  spec.load.inputs = inputs;
  spec.load.threads = options.threads;
  return spec;
}

// How long one run of the original takes: a worker of its own, three runs.
Result<double> run_seconds(const WorkerSpec& spec) {
  constexpr Worker::Limit kLimit{600};
  CYCLOID_ASSIGN(const std::unique_ptr<Worker> worker, start_worker(spec.command));
  CYCLOID_TRY(worker->load(spec.load, kLimit));
  CYCLOID_ASSIGN(std::vector<std::int64_t> spans, worker->run(3, kLimit));
  (void)worker->quit(Worker::Limit(10));
  return static_cast<double>(*std::ranges::min_element(spans)) / 1e9;
}

std::vector<AnyValue> to_values(const std::vector<Datum>& data) {
  std::vector<AnyValue> values;
  for (const Datum& datum : data) values.emplace_back(datum);
  return values;
}

// Random inputs at sizes at which the model runs; large ones first, as these are what is measured for.
Result<std::vector<Datum>> runnable_inputs(const Model& model, std::uint64_t seed, std::string& what) {
  CYCLOID_ASSIGN(const Session session, Session::create(model, {.threads = 1}));
  std::optional<Error> declined;
  std::vector<std::string> long_symbols = inner_symbols(model.ir()->graph);
  long_symbols.insert(long_symbols.begin(), "");
  for (const std::string& long_symbol : long_symbols) {
    for (const std::int64_t size : {64, 128, 224, 320, 256, 512, 576, 32, 16, 8, 6, 4, 1}) {
      auto inputs = sample_inputs(model.ir()->graph, SampleKind::kUniform, 1, size, seed, long_symbol);
      if (!inputs) return inputs.error();
      const auto outputs = session.evaluate(to_values(*inputs));
      if (!outputs) {
        if (!declined) declined = outputs.error();
        continue;
      }
      std::vector<std::string> shapes;
      for (std::size_t i = 0; i < inputs->size(); ++i) {
        shapes.push_back(fmt::format("{}={}", model.inputs()[i].name, fmt::join((*inputs)[i].tensor()->dims(), "x")));
      }
      what = fmt::format("{}", fmt::join(shapes, ", "));
      return inputs;
    }
  }
  return declined->in("no sizes were found at which it runs; give inputs with --samples");
}

}  // namespace

bool Gain::slower() const {
  if (!speedup) return true;
  return speedup->high.value_or(speedup->ratio) < 1 - noise;
}

Result<std::vector<Gain>> measure_gains(const std::string& backend, const std::string& original,
                                        const std::vector<Variant>& variants, const std::vector<WorkerInput>& inputs,
                                        const GainOptions& options) {
  InterruptScope interrupt;
  std::vector<WorkerSpec> specs = {
      spec_of(backend, {std::string(kOriginal), original}, inputs, options, interrupt.fd())};
  specs.push_back(spec_of(backend, {std::string(kAgain), original}, inputs, options, interrupt.fd()));
  for (const Variant& variant : variants) specs.push_back(spec_of(backend, variant, inputs, options, interrupt.fd()));
  CYCLOID_ASSIGN(const double seconds, run_seconds(specs.front()));
  MeasurePlan plan;
  plan.loops = std::clamp(static_cast<std::int64_t>(options.seconds / std::max(seconds, 1e-7)), kMinLoops, kMaxLoops);
  plan.rounds = kRounds;
  plan.seed = options.seed;
  plan.references = {std::string(kOriginal)};
  plan.reference_required = true;
  RunnerHooks hooks;
  hooks.start = [](const WorkerSpec& spec) { return start_worker(spec.command); };
  hooks.now = steady_seconds;
  hooks.cancelled = [&] { return interrupt.interrupted(); };
  CYCLOID_ASSIGN(const GroupResult group, run_group(specs, plan, hooks));
  double noise = kLeastNoise;
  std::vector<Gain> gains;
  for (const RunResult& run : group.runs) {
    if (run.backend == kAgain && run.speedup) {
      const double low = run.speedup->low.value_or(run.speedup->ratio);
      const double high = run.speedup->high.value_or(run.speedup->ratio);
      noise = std::max({noise, std::abs(1 - low), std::abs(1 - high)});
    }
  }
  for (const RunResult& run : group.runs) {
    if (run.backend == kOriginal || run.backend == kAgain) continue;
    gains.push_back({run.backend, run.status == RunStatus::kOk ? run.speedup : std::nullopt, run.reason, noise});
  }
  return gains;
}

Result<std::vector<WorkerInput>> measuring_inputs(const Model& model, const std::vector<std::vector<AnyValue>>& samples,
                                                  std::uint64_t seed, const std::string& folder, std::string& what) {
  std::vector<Datum> values;
  if (!samples.empty()) {
    for (const AnyValue& value : samples.front()) values.push_back(value.datum());
    what = "the first sample";
  } else {
    CYCLOID_ASSIGN(values, runnable_inputs(model, seed, what));
  }
  std::vector<WorkerInput> inputs;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string& name = model.inputs()[i].name;
    const Tensor* tensor = values[i].tensor();
    if (tensor == nullptr) return unsupported("input '{}' is no tensor, and cannot be measured with", name);
    const std::string path = fmt::format("{}/input{}.npy", folder, i);
    CYCLOID_TRY(write_npy(path, *tensor));
    inputs.push_back({name, tensor->dtype(), tensor->dims(), path});
  }
  return inputs;
}

}  // namespace cycloid
