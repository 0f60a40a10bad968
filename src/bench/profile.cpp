#include "bench/profile.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <span>

#include "backends/native.h"
#include "base/error.h"
#include "cycloid/model.h"
#include "cycloid/session.h"
#include "runtime/machine.h"
#include "tensor/npy.h"

namespace cycloid {
namespace {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// What the runs measured, run by run.
struct Samples {
  std::vector<double> run_us, waiting_us;
  std::vector<std::vector<double>> step_us, busy_us;  // [step][run]
  std::vector<std::vector<double>> stage_us;          // [stage][run]
  std::vector<std::vector<StepSpan>> spans;           // [run]

  explicit Samples(const PlanInfo& plan)
      : step_us(plan.steps.size()), busy_us(plan.steps.size()), stage_us(static_cast<std::size_t>(plan.stages)) {}

  void add(std::vector<StepSpan> run, const PlanInfo& plan) {
    std::vector<double> slowest(step_us.size()), busy(step_us.size());
    const auto threads = static_cast<std::size_t>(plan.threads);
    std::vector<double> stages(stage_us.size() * threads);
    double end = 0;
    for (const StepSpan& span : run) {
      const double us = static_cast<double>(span.end_ns - span.begin_ns) * 1e-3;
      slowest[span.step] = std::max(slowest[span.step], us);
      busy[span.step] += us;
      stages[static_cast<std::size_t>(plan.steps[span.step].stage) * threads + static_cast<std::size_t>(span.thread)] +=
          us;
      end = std::max(end, static_cast<double>(span.end_ns) * 1e-3);
    }
    for (std::size_t s = 0; s < slowest.size(); ++s) {
      step_us[s].push_back(slowest[s]);
      busy_us[s].push_back(busy[s]);
    }
    for (std::size_t s = 0; s < stage_us.size(); ++s) {
      const auto first = stages.begin() + static_cast<std::ptrdiff_t>(s * threads);
      stage_us[s].push_back(*std::max_element(first, first + plan.threads));
    }
    run_us.push_back(end);
    waiting_us.push_back(end * plan.threads - std::accumulate(busy.begin(), busy.end(), 0.0));
    spans.push_back(std::move(run));
  }

  // The runs, the fastest first.
  std::vector<std::size_t> by_time() const {
    std::vector<std::size_t> order(run_us.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, {}, [&](std::size_t i) { return run_us[i]; });
    return order;
  }
};

double mean_of(const std::vector<double>& values, std::span<const std::size_t> which) {
  double sum = 0;
  for (const std::size_t i : which) sum += values[i];
  return sum / static_cast<double>(which.size());
}

// What `values` are more in slow runs than in usual ones (Profile::slow_run_us); 0 of fewer than 10 runs.
double more_when_slow(const std::vector<double>& values, std::span<const std::size_t> by_time) {
  const std::size_t runs = by_time.size();
  if (runs < 10) return 0;
  return mean_of(values, by_time.last(runs / 10)) - mean_of(values, by_time.subspan(runs / 4, runs / 2));
}

}  // namespace

Result<Profile> profile_native(const ProfileRequest& request) {
  CYCLOID_ASSIGN(const SessionOptions options, native_session_options(request.options, request.threads));
  std::vector<std::string> names;
  for (const WorkerInput& input : request.inputs) names.push_back(input.name);
  CYCLOID_ASSIGN(const Model model, load_native_model(request.model, names));
  CYCLOID_ASSIGN(const Session session, Session::create(model, options));
  RunContext context = session.new_context();
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < session.inputs().size(); ++i) {
    const std::string& name = session.inputs()[i].name;
    const auto named = std::ranges::find(request.inputs, name, &WorkerInput::name);
    const bool given = named != request.inputs.end();
    if (!given && i >= request.inputs.size()) return invalid_argument("there is no value for input '{}'", name);
    const WorkerInput& input = given ? *named : request.inputs[i];
    CYCLOID_ASSIGN(Tensor tensor, read_npy(input.path, input.dtype));
    inputs.push_back(std::move(tensor));
    const Tensor& kept = inputs.back();
    const TensorView view = kept.dtype() == DType::kString
                                ? TensorView(kept.data<std::string>(), kept.dims())
                                : TensorView(kept.dtype(), kept.dims(), kept.bytes(), kept.byte_count());
    CYCLOID_TRY(context.bind_input(i, view));
  }
  CYCLOID_TRY(context.prepare());

  Profile profile;
  CYCLOID_ASSIGN(profile.plan, context.plan());
  profile.isa = session.options().isa;
  CYCLOID_ASSIGN(const Isa isa, parse_isa(profile.isa));
  CYCLOID_ASSIGN(profile.machine, measure_limits(isa, profile.plan.threads));
  const double end = steady_seconds() + request.seconds;
  for (int i = 0; i < std::max(5, request.runs / 10) && (i < 1 || steady_seconds() < end); ++i)
    CYCLOID_TRY(context.run());
  context.set_profiling(true);
  Samples samples(profile.plan);
  for (; profile.runs < request.runs && (profile.runs < 3 || steady_seconds() < end); ++profile.runs) {
    CYCLOID_TRY(context.run());
    samples.add(context.spans(), profile.plan);
  }
  profile.run_us = median(samples.run_us);
  for (const std::vector<double>& stage : samples.stage_us) profile.stages_us += median(stage);
  profile.waiting_us = median(samples.waiting_us);
  const std::vector<std::size_t> by_time = samples.by_time();
  profile.slow_run_us = more_when_slow(samples.run_us, by_time);
  for (std::size_t s = 0; s < profile.plan.steps.size(); ++s) {
    const std::vector<double>& us = samples.step_us[s];
    profile.steps.push_back({median(us), median(samples.busy_us[s]), more_when_slow(us, by_time)});
  }
  profile.trace = std::move(samples.spans[by_time[by_time.size() / 2]]);
  return profile;
}

}  // namespace cycloid
