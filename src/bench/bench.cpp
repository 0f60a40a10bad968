#include "bench/bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <set>

#include "backends/forms.h"
#include "backends/list.h"
#include "backends/locate.h"
#include "backends/options.h"
#include "base/cgroup.h"
#include "base/error.h"
#include "base/sha256.h"
#include "base/temporary_folder.h"
#include "bench/interrupt.h"
#include "bench/rounding_unit.h"
#include "cycloid/version.h"

namespace cycloid {
namespace {

constexpr std::string_view kNoise = "noise";

// A backend that was chosen, asked whether it is there and with the options for it.
struct Chosen {
  const Backend* backend = nullptr;
  Probe probe;
  std::map<std::string, std::string> options;
};

std::vector<std::string> chosen_names(const BenchOptions& options) {
  if (!options.backends.empty()) return options.backends;
  std::vector<std::string> names;
  for (const Backend* backend : all_backends()) {
    if (backend->name() != kNoise) names.emplace_back(backend->name());
  }
  return names;
}

std::vector<int> chosen_threads(const BenchOptions& options) {
  std::vector<int> threads = options.threads;
  if (threads.empty()) threads = {1, usable_cpus()};
  std::sort(threads.begin(), threads.end());
  threads.erase(std::unique(threads.begin(), threads.end()), threads.end());
  return threads;
}

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Result<std::vector<Chosen>> probe_backends(const BenchOptions& options) {
  std::vector<Chosen> all;
  std::vector<std::string> names = chosen_names(options);
  names.emplace_back(kNoise);
  for (const std::string& name : names) {
    Chosen chosen;
    CYCLOID_ASSIGN(chosen.backend, find_backend(name));
    chosen.probe = chosen.backend->probe();
    const auto given = options.backend_options.find(name);
    if (given != options.backend_options.end()) {
      // Options of a backend that is not there cannot be checked, and do no harm.
      if (chosen.probe.available) CYCLOID_TRY(Options::resolve(name, chosen.probe.options, given->second));
      chosen.options = given->second;
    }
    all.push_back(std::move(chosen));
  }
  return all;
}

// Everything about a model that is the same for all backends and thread counts.
struct PreparedModel {
  ModelInfo info;
  std::map<Form, ModelForm> forms;
  std::vector<double> rounding_units;  // by output; empty where there is no ONNX form
};

Result<PreparedModel> prepare_model(const BenchModel& model, const BenchOptions& options,
                                    const std::vector<Chosen>& backends, const std::string& folder,
                                    const BenchHooks& hooks) {
  CYCLOID_ASSIGN(const Form form, form_of_model(model.model));
  auto made = make_inputs(model.model, form, options.inputs, options.seed, folder);
  if (!made) return made.error();
  PreparedModel prepared;
  std::set<Form> wanted;
  for (const Chosen& chosen : backends) {
    if (!chosen.probe.available) continue;
    for (const Form taken : chosen.backend->forms()) {
      if (taken != Form::kNone) wanted.insert(taken);
    }
  }
  if (options.profile) wanted.insert(Form::kOnnx);
  if (hooks.stage)
    hooks.stage(form == Form::kOnnx ? "reading " + model.model
                                    : "exporting " + model.model + " (and checking each form against eager)");
  CYCLOID_ASSIGN(prepared.forms, prepare_forms(model.model, made->inputs, wanted));
  prepared.info.name = !model.name.empty()     ? model.name
                       : form == Form::kPython ? model.model
                                               : std::filesystem::path(model.model).filename().string();
  prepared.info.inputs = made->inputs;
  prepared.info.input_source = made->random ? fmt::format("random, seed {}", options.seed) : std::string("given");
  if (const auto onnx = prepared.forms.find(Form::kOnnx); onnx != prepared.forms.end() && !onnx->second.model.empty())
    prepared.rounding_units = rounding_units_of_file(onnx->second.model);
  // A callable has no bytes of its own; what was exported from it has.
  for (const Form hashed : {Form::kOnnx, Form::kTorchScript}) {
    const auto found = prepared.forms.find(hashed);
    if (found == prepared.forms.end() || found->second.model.empty()) continue;
    CYCLOID_ASSIGN(prepared.info.sha256, sha256_of_file(found->second.model));
    break;
  }
  return prepared;
}

WorkerSpec spec_of(const Chosen& chosen, const PreparedModel& model, int threads, int interrupt_fd) {
  WorkerSpec spec;
  spec.backend = chosen.backend->name();
  spec.version = chosen.probe.version;
  spec.is_noise = spec.backend == kNoise;
  spec.command = {{program_path(), "worker", spec.backend}, {}, interrupt_fd};
  spec.load.threads = threads;
  spec.load.options = chosen.options;
  spec.load.form = to_string(Form::kNone);
  if (!chosen.probe.available) {
    spec.status = RunStatus::kUnavailable;
    spec.reason = chosen.probe.reason;
    if (!chosen.probe.remedy.empty()) spec.reason += "; to make it available: " + chosen.probe.remedy;
    return spec;
  }
  if (spec.is_noise) return spec;
  const auto form = choose_form(*chosen.backend, model.forms);
  if (!form) {
    spec.status = RunStatus::kUnavailable;
    spec.reason = form.error().message();
    return spec;
  }
  spec.load.model = form->model;
  spec.load.form = to_string(form->form);
  spec.load.inputs = model.info.inputs;
  spec.model = form->how;
  return spec;
}

MeasurePlan plan_of(const BenchOptions& options, const PreparedModel& model, const std::vector<WorkerSpec>& specs) {
  MeasurePlan plan;
  plan.loops = options.loops;
  plan.rounds = options.rounds.value_or(default_rounds(options.loops));
  plan.seconds = options.seconds;
  plan.warmup = options.warmup;
  plan.seed = options.seed;
  plan.time_limit_s = options.time_limit_s;
  plan.tolerance = options.tolerance;
  plan.tolerance.units = model.rounding_units;
  plan.reference_required = !options.reference.empty();
  if (plan.reference_required) {
    plan.references = {options.reference};
  } else {
    for (const WorkerSpec& spec : specs) {
      if (!spec.is_noise && spec.status == RunStatus::kOk) plan.references.push_back(spec.backend);
    }
  }
  return plan;
}

Result<GroupResult> measure(const std::vector<Chosen>& backends, const PreparedModel& model, int threads,
                            const BenchOptions& options, const BenchHooks& hooks) {
  InterruptScope interrupt;
  std::vector<WorkerSpec> specs;
  for (const Chosen& chosen : backends) specs.push_back(spec_of(chosen, model, threads, interrupt.fd()));
  RunnerHooks runner;
  runner.start = [](const WorkerSpec& spec) { return start_worker(spec.command); };
  runner.now = steady_seconds;
  runner.progress = hooks.progress;
  runner.lost = hooks.lost;
  runner.cancelled = [&] { return interrupt.interrupted(); };
  return run_group(specs, plan_of(options, model, specs), runner);
}

// Without the workers: they have ended, and nothing else computes in this process.
Result<Profile> profile(const PreparedModel& model, int threads, const BenchOptions& options) {
  const auto onnx = model.forms.find(Form::kOnnx);
  if (onnx == model.forms.end() || onnx->second.model.empty()) {
    return make_error(ErrorCode::kUnavailable, "--profile needs the model as ONNX{}",
                      onnx == model.forms.end() ? "" : ": " + onnx->second.reason);
  }
  ProfileRequest request{.model = onnx->second.model, .inputs = model.info.inputs, .threads = threads};
  request.runs = static_cast<int>(std::clamp<std::int64_t>(options.loops, 1, 1000));
  if (options.seconds) request.seconds = *options.seconds / 4;
  if (const auto given = options.backend_options.find("cycloid"); given != options.backend_options.end())
    request.options = given->second;
  return profile_native(request);
}

bool is_number(const std::optional<double>& value) { return !value || (std::isfinite(*value) && *value >= 0); }

}  // namespace

void use_founding_comparison(BenchOptions& options) {
  options.models = {{"cycloid.zoo.squeezenet:squeezenet1_0", "SqueezeNet 1.0"},
                    {"cycloid.zoo.squeezenet:squeezenet1_1", "SqueezeNet 1.1"}};
  if (options.inputs.empty()) options.inputs = {{"x", {5, 3, 64, 64}, DType::kFloat32, ""}};
}

std::vector<std::string> participants(const BenchOptions& options) {
  std::vector<std::string> names = chosen_names(options);
  names.emplace_back(kNoise);
  return names;
}

Status check_options(const BenchOptions& options) {
  constexpr std::int64_t kMaxLoops = 100'000'000;  // 800 MB of samples for each participant
  if (options.models.empty()) return invalid_argument("no model to measure");
  if (options.loops < 1 || options.loops > kMaxLoops)
    return invalid_argument("--loops {}: must be 1 to {}", options.loops, kMaxLoops);
  if (options.rounds && (*options.rounds < 1 || *options.rounds > options.loops)) {
    return invalid_argument("--rounds {}: must be 1 to the number of loops ({})", *options.rounds, options.loops);
  }
  if (options.seconds && !(*options.seconds > 0 && *options.seconds <= 1e6))
    return invalid_argument("--seconds {}: must be above 0, at most 1000000", *options.seconds);
  if (options.warmup.runs && (*options.warmup.runs < 1 || *options.warmup.runs > kMaxLoops)) {
    return invalid_argument("--warmup {}: must be 1 to {}; the first run is always one", *options.warmup.runs,
                            kMaxLoops);
  }
  if (!is_number(options.tolerance.rtol))
    return invalid_argument("--rtol {}: must be a number, 0 or more", *options.tolerance.rtol);
  if (!is_number(options.tolerance.atol))
    return invalid_argument("--atol {}: must be a number, 0 or more", *options.tolerance.atol);
  if (!(options.time_limit_s > 0) || options.time_limit_s > 1e6) {
    return invalid_argument("--time-limit {}: must be seconds above 0, at most 1000000", options.time_limit_s);
  }
  for (const int threads : options.threads) {
    if (threads < 1 || threads > 1024) return invalid_argument("--threads {}: must be 1 to 1024, or all", threads);
  }
  std::set<std::string> seen;
  for (const std::string& name : options.backends) {
    CYCLOID_TRY(find_backend(name));
    if (name == kNoise) return invalid_argument("--backends: 'noise' always takes part and need not be named");
    if (!seen.insert(name).second) return invalid_argument("--backends: '{}' is named twice", name);
  }
  const std::vector<std::string> names = participants(options);
  const auto takes_part = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (!options.reference.empty() && (!takes_part(options.reference) || options.reference == kNoise)) {
    CYCLOID_TRY(find_backend(options.reference));
    return invalid_argument("--reference {}: it does not take part; add it to --backends", options.reference);
  }
  for (const auto& [name, values] : options.backend_options) {
    CYCLOID_TRY(find_backend(name));
    if (!takes_part(name))
      return invalid_argument("--option {}.{}: it does not take part; add it to --backends", name,
                              values.begin()->first);
  }
  return {};
}

Result<BenchResult> run_bench(const BenchOptions& options, const BenchHooks& hooks) {
  CYCLOID_TRY(check_options(options));
  if (hooks.stage) hooks.stage("looking for backends");
  CYCLOID_ASSIGN(const std::vector<Chosen> backends, probe_backends(options));
  BenchResult result;
  result.date = now_text();
  result.version = version();
  result.seed = options.seed;
  for (const BenchModel& model : options.models) {
    CYCLOID_ASSIGN(const TemporaryFolder folder, TemporaryFolder::create());
    CYCLOID_ASSIGN(const PreparedModel prepared, prepare_model(model, options, backends, folder.path(), hooks));
    ComparisonResult comparison;
    comparison.model = prepared.info;
    comparison.loops = options.loops;
    comparison.tolerance = options.tolerance;
    comparison.tolerance.units = prepared.rounding_units;
    for (const int threads : chosen_threads(options)) {
      CYCLOID_ASSIGN(GroupResult group, measure(backends, prepared, threads, options, hooks));
      if (options.profile) {
        if (hooks.stage) hooks.stage("profiling cycloid's steps");
        CYCLOID_ASSIGN(group.profile, profile(prepared, threads, options).in("--profile"));
      }
      comparison.groups.push_back(std::move(group));
    }
    if (hooks.comparison) hooks.comparison(comparison);
    result.comparisons.push_back(std::move(comparison));
  }
  return result;
}

}  // namespace cycloid
