#include "bench/json_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "bench/thin.h"

namespace cycloid {
namespace {

using Json = nlohmann::ordered_json;

// Enough for a canvas a thousand pixels wide.
constexpr std::size_t kDistributionPoints = 240;
constexpr std::size_t kTimelinePoints = 600;

enum class Detail { kRaw, kThinned };

template <class T>
Json optional(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json latency_json(const std::optional<LatencySummary>& latency) {
  if (!latency) return nullptr;
  return {{"min", latency->min},           {"p50", latency->p50},
          {"mean", latency->mean},         {"p90", optional(latency->p90)},
          {"p99", optional(latency->p99)}, {"p999", optional(latency->p999)},
          {"max", latency->max},           {"stddev", optional(latency->stddev)}};
}

Json speedup_json(const std::optional<Ratio>& speedup) {
  if (!speedup) return nullptr;
  const auto holds_one = speedup->holds_one();
  return {{"ratio", speedup->ratio},
          {"low", optional(speedup->low)},
          {"high", optional(speedup->high)},
          {"no_difference", optional(holds_one)}};
}

// Of 95 %: [low, high]; null where there is none.
Json interval_json(const std::optional<Ratio>& ratio) {
  if (!ratio || !ratio->low || !ratio->high) return nullptr;
  return {*ratio->low, *ratio->high};
}

// Six significant digits are more than a screen shows, and a third of the bytes.
double rounded(double value) {
  if (value == 0 || !std::isfinite(value)) return value;
  const double scale = std::pow(10.0, 5 - std::floor(std::log10(std::abs(value))));
  return std::round(value * scale) / scale;
}

Json points_json(const std::vector<Point>& points) {
  Json result = Json::array();
  for (const Point& point : points) result.push_back({rounded(point.x), rounded(point.y)});
  return result;
}

Json usage_json(const RunResult& run) {
  if (!run.usage) return nullptr;
  return {{"minor_faults", run.usage->minor_faults},
          {"major_faults", run.usage->major_faults},
          {"voluntary_switches", run.usage->voluntary_switches},
          {"involuntary_switches", run.usage->involuntary_switches}};
}

Json run_json(const RunResult& run, Detail detail) {
  Json json = {{"backend", run.backend},
               {"version", text_or_null(run.version)},
               {"threads", run.threads},
               {"status", to_string(run.status)},
               {"reason", text_or_null(run.reason)},
               {"form", text_or_null(run.form)},
               {"form_source", text_or_null(run.model)},
               {"options", run.settings},
               {"latency_us", latency_json(run.latency_us)},
               {"steadiness", run.steadiness ? Json(run.steadiness->ratio) : Json(nullptr)},
               {"steadiness_interval", interval_json(run.steadiness)},
               {"machine_us", latency_json(run.machine_us)}};
  const std::vector<double> samples = samples_us(run);
  if (detail == Detail::kRaw) {
    json["samples_us"] = samples;
    Json rounds = Json::array();
    for (const Turn& turn : run.turns)
      rounds.push_back({{"start_s", turn.start_s}, {"samples", turn.samples_ns.size()}});
    json["rounds"] = std::move(rounds);
  } else {
    json["distribution"] =
        points_json(samples.empty() ? std::vector<Point>() : thin_distribution(samples, kDistributionPoints));
    json["timeline"] = points_json(thin_timeline(run.turns, kTimelinePoints));
    json["samples"] = samples.size();
  }
  json["max_abs_error"] = optional(run.max_abs_error);
  json["max_rel_error"] = optional(run.max_rel_error);
  json["load_ms"] = optional(run.load_ms);
  json["first_run_ms"] = optional(run.first_run_ms);
  json["peak_rss_mb"] = optional(run.peak_rss_mb);
  json["speedup"] = speedup_json(run.speedup);
  json["warmup_runs"] = run.warmup_runs;
  json["settle_runs_per_round"] = run.settle_runs;
  json["system"] = usage_json(run);
  return json;
}

Json profile_json(const std::optional<Profile>& profile) {
  if (!profile) return nullptr;
  Json kernels = Json::array();
  for (const KernelTime& kernel : time_by_kernel(*profile)) {
    kernels.push_back({{"kernel", kernel.kernel},
                       {"steps", kernel.steps},
                       {"us", rounded(kernel.us)},
                       {"least_us", rounded(kernel.least_us)},
                       {"slow_us", rounded(kernel.slow_us)}});
  }
  return {{"runs", profile->runs},
          {"run_us", rounded(profile->run_us)},
          {"waiting_us", rounded(profile->waiting_us)},
          {"roofline_direct_us", rounded(roofline_seconds(profile->machine, profile->plan, true) * 1e6)},
          {"roofline_us", rounded(roofline_seconds(profile->machine, profile->plan, false) * 1e6)},
          {"kernels", std::move(kernels)}};
}

Json comparison_json(const ComparisonResult& comparison, Detail detail) {
  Json inputs = Json::array();
  for (const WorkerInput& input : comparison.model.inputs) {
    inputs.push_back({{"name", input.name}, {"dtype", to_string(input.dtype)}, {"shape", input.dims}});
  }
  Json groups = Json::array();
  Json noise = Json::array();
  Json runs = Json::array();
  for (const GroupResult& group : comparison.groups) {
    groups.push_back({{"threads", group.threads},
                      {"loops", group.loops},
                      {"rounds", group.rounds},
                      {"reference", text_or_null(group.reference)},
                      {"reference_note", text_or_null(group.reference_note)},
                      {"profile", profile_json(group.profile)}});
    if (group.noise) noise.push_back(run_json(*group.noise, detail));
    for (const RunResult& run : group.runs) runs.push_back(run_json(run, detail));
  }
  return {{"model",
           {{"name", comparison.model.name},
            {"sha256", text_or_null(comparison.model.sha256)},
            {"inputs", std::move(inputs)},
            {"input_values", comparison.model.input_source}}},
          {"reference", comparison.groups.empty() ? Json(nullptr) : text_or_null(comparison.groups.front().reference)},
          {"loops", comparison.loops},
          {"tolerance",
           {{"rtol", optional(comparison.tolerance.rtol)},
            {"atol", optional(comparison.tolerance.atol)},
            {"units", comparison.tolerance.units}}},
          {"groups", std::move(groups)},
          {"noise",
           {{"meaning",
             "arithmetic alone, as long as the fastest backend's run, measured as one more participant: its spread is "
             "the machine's own"},
            {"runs", std::move(noise)}}},
          {"runs", std::move(runs)}};
}

Json environment_json(const ReportContext& context) {
  const Environment& e = context.environment;
  return {{"cpu", text_or_null(e.cpu_model)},
          {"isa", e.isa},
          {"cpus_online", e.cpus_online},
          {"cores_online", e.cores_online},
          {"caches", e.caches},
          {"governor", text_or_null(e.governor)},
          {"turbo", optional(e.turbo)},
          {"hypervisor", e.hypervisor},
          {"allowed_cpus", e.allowed_cpus},
          {"cgroup_quota_cpus", optional(e.cgroup_quota)},
          {"usable_cpus", e.usable_cpus},
          {"pinned", e.pinned},
          {"memory_mb", e.memory_mb},
          {"kernel", text_or_null(e.kernel)},
          {"os", text_or_null(e.os)},
          {"compiler", e.compiler},
          {"variables", e.variables},
          {"load_average_before", context.before.load_average},
          {"load_average_after", context.after.load_average},
          {"steal_share", steal_share(context.before, context.after)}};
}

Json bench_json(const BenchResult& result, const ReportContext& context, Detail detail) {
  Json comparisons = Json::array();
  for (const ComparisonResult& comparison : result.comparisons)
    comparisons.push_back(comparison_json(comparison, detail));
  return {{"schema", "cycloid.bench/1"},
          {"cycloid_version", result.version},
          {"date", result.date},
          {"command", result.command},
          {"seed", result.seed},
          {"environment", environment_json(context)},
          {"comparisons", std::move(comparisons)}};
}

std::string scalar(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// Objects over lines, arrays of plain values in one line: readable, and a line per row rather than per sample.
void write_pretty(const Json& json, std::string& to, std::size_t indent) {
  const bool flat =
      json.is_primitive() || json.empty() ||
      (json.is_array() && std::all_of(json.begin(), json.end(), [](const Json& item) { return item.is_primitive(); }));
  if (flat) {
    to += scalar(json);
    return;
  }
  const bool object = json.is_object();
  to += object ? '{' : '[';
  bool first = true;
  for (const auto& [key, value] : json.items()) {
    to += first ? "\n" : ",\n";
    first = false;
    to.append(indent + 2, ' ');
    if (object) to += scalar(key) + ": ";
    write_pretty(value, to, indent + 2);
  }
  to += '\n';
  to.append(indent, ' ');
  to += object ? '}' : ']';
}

}  // namespace

std::string json_report(const BenchResult& result, const ReportContext& context) {
  std::string text;
  write_pretty(bench_json(result, context, Detail::kRaw), text, 0);
  return text + "\n";
}

std::string html_data(const BenchResult& result, const ReportContext& context) {
  const std::string text = scalar(bench_json(result, context, Detail::kThinned));
  std::string safe;
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";  // "<" occurs in JSON within strings only
    } else {
      safe += c;
    }
  }
  return safe;
}

}  // namespace cycloid
