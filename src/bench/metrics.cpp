#include "bench/metrics.h"

#include "base/error.h"

namespace cycloid {
namespace {

int permille_of(const std::string& metric) {
  if (metric == "p90") return 900;
  if (metric == "p99" || metric == "steadiness") return 990;
  if (metric == "p999") return 999;
  return 0;
}

}  // namespace

const std::vector<std::string>& gate_metrics() {
  static const std::vector<std::string> kMetrics = {
      "min",        "p50",     "mean",    "p90",          "p99",         "p999",          "max",          "stddev",
      "steadiness", "speedup", "load_ms", "first_run_ms", "peak_rss_mb", "max_abs_error", "max_rel_error"};
  return kMetrics;
}

MetricValue metric_of(const GroupResult& group, const std::string& backend, const std::string& metric) {
  const RunResult* run = group.noise && group.noise->backend == backend ? &*group.noise : nullptr;
  for (const RunResult& candidate : group.runs) {
    if (candidate.backend == backend) run = &candidate;
  }
  if (run == nullptr) return {std::nullopt, "it took no part"};
  if (run->status != RunStatus::kOk) return {std::nullopt, std::string(to_string(run->status)) + ": " + run->reason};
  const auto given = [](std::optional<double> value, std::string_view otherwise) {
    return MetricValue{value, value ? "" : std::string(otherwise)};
  };
  if (metric == "speedup")
    return given(run->speedup ? std::optional(run->speedup->ratio) : std::nullopt, "the reference has no p50");
  if (metric == "load_ms") return given(run->load_ms, "it was not measured");
  if (metric == "first_run_ms") return given(run->first_run_ms, "it was not measured");
  if (metric == "peak_rss_mb") return given(run->peak_rss_mb, "it was not measured");
  if (metric == "max_abs_error") return given(run->max_abs_error, "it has no outputs");
  if (metric == "max_rel_error") return given(run->max_rel_error, "it has no outputs");
  if (!run->latency_us) return {std::nullopt, "it has no samples"};
  const LatencySummary& latency = *run->latency_us;
  if (metric == "min") return {latency.min, ""};
  if (metric == "p50") return {latency.p50, ""};
  if (metric == "mean") return {latency.mean, ""};
  if (metric == "max") return {latency.max, ""};
  const std::string few = fmt::format("needs {} samples, has {}",
                                      metric == "stddev" ? 2 : samples_needed(permille_of(metric)), latency.count);
  if (metric == "stddev") return given(latency.stddev, few);
  if (metric == "p90") return given(latency.p90, few);
  if (metric == "p99") return given(latency.p99, few);
  if (metric == "p999") return given(latency.p999, few);
  return given(run->steadiness ? std::optional(run->steadiness->ratio) : std::nullopt, few);
}

Status check_metric_has_samples(const std::string& metric, std::int64_t loops) {
  const std::int64_t needed = metric == "stddev" ? 2 : samples_needed(permille_of(metric));
  if (loops >= needed) return {};
  return invalid_argument("{} needs {} samples; use --loops {} or more", metric, needed, needed);
}

}  // namespace cycloid
