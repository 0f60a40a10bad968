// `cycloid bench`: compares backends on models, fairly; a table, bench.json, bench.html and a gate for a user's CI.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "backends/list.h"
#include "base/atomic_file.h"
#include "base/cgroup.h"
#include "base/error.h"
#include "bench/bench.h"
#include "bench/gate.h"
#include "bench/html_report.h"
#include "bench/json_report.h"
#include "bench/progress.h"
#include "bench/table_report.h"
#include "cli/commands.h"
#include "cli/input_spec.h"
#include "cli/thread_counts.h"

namespace cycloid {
namespace {

constexpr int kExitInterrupted = 130;  // as a shell reports a program that Ctrl-C ended

constexpr const char* kFooter = R"(
Metrics of --fail-if: min p50 mean p90 p99 p999 max stddev (microseconds), steadiness (p99/p50), speedup (reference's p50
over this one's), load_ms first_run_ms peak_rss_mb max_abs_error max_rel_error; of any backend and of `noise`. Operators: + - * /,
< <= > >= == !=, and or not, parentheses. Evaluated for each model and thread count. A metric without a value (its backend failed)
cannot pass a gate.

Examples:
  cycloid bench                                        SqueezeNet 1.0 and 1.1, all backends, 1 thread and all cores
  cycloid bench model.onnx --input x=8x3x224x224 --threads 1,4 --html report.html
  cycloid bench torchvision.models:resnet18 --input x=1x3x224x224 --backends pytorch,onnxruntime,cycloid
  cycloid bench model.onnx --fail-if 'cycloid.p99/cycloid.p50 > 3' --fail-if 'cycloid.p50 > onnxruntime.p50'
  cycloid bench model.onnx --backends cycloid --profile trace.json
  cycloid bench model.onnx --backends onnxruntime,cycloid --tune
  cycloid bench model.onnx --option onnxruntime.session.intra_op.allow_spinning=0

Exit codes: 0 measured, 1 nothing could be measured, 2 wrong command line, 3 a --fail-if expression holds.)";

// The command line as text; what CLI11 does not check is checked in options_of().
struct Arguments {
  std::vector<std::string> models;
  std::vector<std::string> inputs;
  std::vector<std::string> input_data;
  std::string backends = "all";
  std::string threads = "1,all";
  std::int64_t loops = 1024;
  std::optional<int> rounds;
  std::optional<double> seconds;
  std::optional<std::int64_t> warmup;
  std::string reference;
  std::optional<double> rtol;
  std::optional<double> atol;
  std::int64_t seed = 0;
  std::string json;
  std::string html;
  std::string profile;
  bool strict = false;
  bool tune = false;
  std::vector<std::string> gates;
  std::vector<std::string> backend_options;
  double time_limit = 600;
  std::vector<std::string> order;  // of --input and --input-data, as they were given: "input", "input-data", ...
};

// In the order of the command line, which is that of forward()'s parameters where the model does not name its inputs.
Result<std::vector<InputChoice>> parse_inputs(const Arguments& arguments) {
  std::vector<InputChoice> choices;
  std::size_t shape = 0;
  std::size_t file = 0;
  for (const std::string& kind : arguments.order) {
    InputChoice choice;
    if (kind == "input") {
      CYCLOID_ASSIGN(const InputSpec spec, parse_input_spec(arguments.inputs.at(shape++)));
      choice = {spec.name, spec.dims, spec.dtype, ""};
    } else {
      CYCLOID_ASSIGN(const auto given, parse_input_file(arguments.input_data.at(file++)));
      choice = {given.name, {}, std::nullopt, given.path};
    }
    for (const InputChoice& other : choices) {
      if (other.name == choice.name) return invalid_argument("input '{}' is given twice", choice.name);
    }
    choices.push_back(std::move(choice));
  }
  return choices;
}

Status parse_backend_option(const std::string& text, BenchOptions& options) {
  const std::size_t dot = text.find('.');
  const std::size_t equals = text.find('=');
  if (dot == std::string::npos || equals == std::string::npos || dot == 0 || equals < dot + 2) {
    return invalid_argument("--option {}: expected BACKEND.NAME=VALUE, such as openvino.hint=latency", text);
  }
  auto& values = options.backend_options[text.substr(0, dot)];
  const std::string name = text.substr(dot + 1, equals - dot - 1);
  if (!values.emplace(name, text.substr(equals + 1)).second)
    return invalid_argument("--option {}.{} is given twice", text.substr(0, dot), name);
  return {};
}

// A measurement of minutes must not end in "no such folder".
Status check_can_write(const std::string& path, std::string_view option) {
  if (path.empty()) return {};
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored))
    return invalid_argument("{} {}: there is no folder '{}'", option, path, folder.string());
  if (std::filesystem::is_directory(path, ignored)) return invalid_argument("{} {}: that is a folder", option, path);
  if (::access(folder.c_str(), W_OK) != 0 && ::access(path.c_str(), W_OK) != 0) {
    return invalid_argument("{} {}: the folder '{}' cannot be written to", option, path, folder.string());
  }
  return {};
}

Result<BenchOptions> options_of(const Arguments& arguments) {
  BenchOptions options;
  CYCLOID_ASSIGN(options.inputs, parse_inputs(arguments));
  for (const std::string& model : arguments.models) options.models.push_back({model, ""});
  if (options.models.empty()) use_founding_comparison(options);
  if (arguments.backends != "all") options.backends = split(arguments.backends, ',');
  CYCLOID_ASSIGN(options.threads, parse_threads(arguments.threads));
  options.loops = arguments.loops;
  options.rounds = arguments.rounds;
  options.seconds = arguments.seconds;
  options.warmup.runs = arguments.warmup;
  options.reference = arguments.reference;
  options.tolerance = {arguments.rtol, arguments.atol};
  if (arguments.seed < 0) return invalid_argument("--seed {}: must be 0 or more", arguments.seed);
  options.seed = static_cast<std::uint64_t>(arguments.seed);
  options.time_limit_s = arguments.time_limit;
  options.profile = !arguments.profile.empty();
  for (const std::string& option : arguments.backend_options) CYCLOID_TRY(parse_backend_option(option, options));
  if (arguments.strict) CYCLOID_TRY(parse_backend_option("cycloid.strict=true", options).in("--strict"));
  if (arguments.tune) CYCLOID_TRY(parse_backend_option("cycloid.tune=true", options).in("--tune"));
  CYCLOID_TRY(check_options(options));
  CYCLOID_TRY(check_can_write(arguments.json, "--json"));
  CYCLOID_TRY(check_can_write(arguments.html, "--html"));
  CYCLOID_TRY(check_can_write(arguments.profile, "--profile"));
  return options;
}

Result<std::vector<Gate>> parse_gates(const Arguments& arguments, const BenchOptions& options) {
  std::vector<Gate> gates;
  for (const std::string& text : arguments.gates) {
    CYCLOID_ASSIGN(Gate gate, Gate::parse(text, participants(options)));
    for (const auto& [backend, metric] : gate.metrics()) {
      if (const Status enough = check_metric_has_samples(metric, options.loops); !enough) {
        return enough.error().in(fmt::format("--fail-if '{}'", text));
      }
      const bool no_outputs = metric == "speedup" || metric.ends_with("_error");
      if (backend == "noise" && no_outputs) return invalid_argument("--fail-if '{}': noise has no {}", text, metric);
    }
    gates.push_back(std::move(gate));
  }
  return gates;
}

// How many gates tripped; says which and why.
int check_gates(const std::vector<Gate>& gates, const BenchResult& result) {
  int tripped = 0;
  for (const Gate& gate : gates) {
    bool trips = false;
    for (const ComparisonResult& comparison : result.comparisons) {
      for (const GroupResult& group : comparison.groups) {
        const Gate::Outcome outcome = gate.evaluate(group);
        if (!outcome.trips()) continue;
        trips = true;
        fmt::print(stderr, "cycloid: gate '{}' {} for {}, {} thread{}: {}\n", one_line(gate.text()),
                   outcome.holds ? "holds" : "cannot be checked", one_line(comparison.model.name), group.threads,
                   group.threads == 1 ? "" : "s", one_line(outcome.explanation, 1000));
      }
    }
    tripped += trips ? 1 : 0;
  }
  if (!gates.empty())
    fmt::print(stderr, "cycloid: {} of {} gates passed\n", gates.size() - static_cast<std::size_t>(tripped),
               gates.size());
  return tripped;
}

bool anything_measured(const BenchResult& result) {
  for (const ComparisonResult& comparison : result.comparisons) {
    for (const GroupResult& group : comparison.groups) {
      for (const RunResult& run : group.runs) {
        if (run.status == RunStatus::kOk) return true;
      }
    }
  }
  return false;
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The trace of every comparison and thread count.
std::string trace_of(const BenchResult& result) {
  std::vector<NamedProfile> profiles;
  for (const ComparisonResult& comparison : result.comparisons) {
    for (const GroupResult& group : comparison.groups) {
      if (!group.profile) continue;
      profiles.push_back({fmt::format("{}, {} thread{}", one_line(comparison.model.name), group.threads,
                                      group.threads == 1 ? "" : "s"),
                          &*group.profile});
    }
  }
  return profile_trace(profiles);
}

Status write_reports(const Arguments& arguments, const BenchResult& result, const ReportContext& context) {
  if (!arguments.json.empty()) CYCLOID_TRY(write_file_atomically(arguments.json, json_report(result, context)));
  if (!arguments.html.empty()) CYCLOID_TRY(write_file_atomically(arguments.html, html_report(result, context)));
  if (!arguments.profile.empty()) CYCLOID_TRY(write_file_atomically(arguments.profile, trace_of(result)));
  return {};
}

// The words of this process's command line, without the folder of the program.
std::vector<std::string> command_line() {
  std::vector<std::string> words;
  if (const auto text = read_file("/proc/self/cmdline")) words = split(*text, '\0');
  if (!words.empty() && words.back().empty()) words.pop_back();
  if (!words.empty()) words[0] = std::filesystem::path(words[0]).filename().string();
  return words;
}

int run(const Arguments& arguments) {
  const auto options = options_of(arguments);
  if (!options) return report_error(options.error());
  const auto gates = parse_gates(arguments, *options);
  if (!gates) return report_error(gates.error());

  ReportContext context{read_environment(), read_load(), {}};
  ProgressPrinter printer(stderr, ::isatty(STDERR_FILENO) != 0, steady_seconds);
  BenchHooks hooks;
  hooks.stage = [&](const std::string& what) { printer.stage(what); };
  hooks.progress = [&](const RunProgress& progress) { printer.progress(progress); };
  hooks.lost = [&](const RunResult& run) {
    printer.line(fmt::format("{}: {}: {}", run.backend, to_string(run.status), run.reason));
  };
  hooks.comparison = [&](const ComparisonResult& comparison) {
    printer.clear();
    fmt::print("{}\n", table_report(comparison));
    std::fflush(stdout);
  };
  auto result = run_bench(*options, hooks);
  printer.clear();
  if (!result) {
    if (result.error().message() == "interrupted")
      return report_error("interrupted; nothing was written", kExitInterrupted);
    return report_error(result.error());
  }
  result->command = command_line();
  context.after = read_load();
  if (const Status written = write_reports(arguments, *result, context); !written)
    return report_error(written.error().message());
  if (!arguments.html.empty()) fmt::print("The charts are in {}\n", one_line(arguments.html, 1000));
  if (check_gates(*gates, *result) > 0) return kExitGate;
  if (!anything_measured(*result)) return report_error("no backend could be measured; the reasons are in the table");
  return kExitOk;
}

}  // namespace

void add_bench_command(CLI::App& app, int& exit_code) {
  CLI::App* const command =
      app.add_subcommand("bench", "Compares backends on models: speed, steadiness and correctness, side by side");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("MODEL", arguments->models,
                      "An .onnx file, a TorchScript .pt file, package.module:callable or file.py:callable (default: "
                      "SqueezeNet 1.0 and 1.1)");
  auto* const input = command
                          ->add_option("--input", arguments->inputs,
                                       "NAME=5x3x64x64[:float32]: an input to fill with random values (repeatable)")
                          ->allow_extra_args(false);
  auto* const data =
      command->add_option("--input-data", arguments->input_data, "NAME=FILE.npy: an input's values (repeatable)")
          ->allow_extra_args(false);
  command
      ->add_option("--backends", arguments->backends, "all, or names with commas between them (see `cycloid backends`)")
      ->capture_default_str();
  command
      ->add_option("--threads", arguments->threads,
                   "Thread counts with commas between them; all: every processor that may be used")
      ->capture_default_str();
  command->add_option("--loops", arguments->loops, "Timed runs of each backend (p99 needs 1000, p99.9 10000)")
      ->capture_default_str();
  command->add_option("--rounds", arguments->rounds,
                      "Turns that the loops are split into (default: 32 for 1024 loops)");
  command->add_option("--seconds", arguments->seconds,
                      "Fewer loops (8 at least) where they would take longer, for each model and thread count");
  command->add_option("--warmup", arguments->warmup,
                      "Untimed runs before the rounds (default: half a second, at least 10)");
  command->add_option("--reference", arguments->reference,
                      "The backend to compare with (default: the first that works)");
  command->add_option("--rtol", arguments->rtol,
                      "Relative tolerance of outputs (default: by dtype; 1.2e-4 for float32)");
  command->add_option("--atol", arguments->atol,
                      "Absolute tolerance of outputs (default: the relative one times the largest element)");
  command->add_option("--seed", arguments->seed, "Of inputs, order of turns and resampling")->capture_default_str();
  command->add_option("--json", arguments->json, "Write all results and raw samples to this file");
  command->add_option("--html", arguments->html, "Write a page with tables and charts to this file");
  command->add_option("--profile", arguments->profile,
                      "Show where cycloid's time goes, step by step, and write a trace to this file (for "
                      "ui.perfetto.dev or chrome://tracing)");
  command->add_flag("--strict", arguments->strict,
                    "cycloid: no Winograd: only sums with the error of a direct convolution");
  command->add_flag("--tune", arguments->tune,
                    "cycloid: choose kernels by measuring them, once for each processor and shape");
  command
      ->add_option("--fail-if", arguments->gates,
                   "EXPR: exit with 3 when it holds, as 'cycloid.p50 > onnxruntime.p50' (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--option", arguments->backend_options, "BACKEND.NAME=VALUE: a setting of a backend (repeatable)")
      ->allow_extra_args(false);
  command
      ->add_option("--time-limit", arguments->time_limit,
                   "Seconds that a worker may take for a request before it counts as hanging")
      ->capture_default_str();
  command->footer(kFooter);
  command->callback([command, arguments, input, data, &exit_code] {
    for (const CLI::Option* option : command->parse_order()) {
      if (option == input) arguments->order.emplace_back("input");
      if (option == data) arguments->order.emplace_back("input-data");
    }
    exit_code = run(*arguments);
  });
}

}  // namespace cycloid
