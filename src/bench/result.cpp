#include "bench/result.h"

namespace cycloid {

std::string_view to_string(RunStatus status) {
  switch (status) {
    case RunStatus::kOk: return "ok";
    case RunStatus::kUnavailable: return "unavailable";
    case RunStatus::kFailed: return "failed";
    case RunStatus::kMismatch: return "mismatch";
  }
  return "unknown";
}

Rounds rounds_us(const RunResult& run) {
  Rounds rounds;
  for (const Turn& turn : run.turns) {
    auto& samples = rounds.emplace_back();
    for (const std::int64_t ns : turn.samples_ns) samples.push_back(static_cast<double>(ns) / 1e3);
  }
  return rounds;
}

std::vector<double> samples_us(const RunResult& run) {
  std::vector<double> samples;
  for (const auto& round : rounds_us(run)) samples.insert(samples.end(), round.begin(), round.end());
  return samples;
}

void summarize_group(GroupResult& group, std::uint64_t seed) {
  const RunResult* reference = nullptr;
  for (const RunResult& run : group.runs) {
    if (run.backend == group.reference && run.status == RunStatus::kOk) reference = &run;
  }
  for (RunResult& run : group.runs) {
    if (run.status != RunStatus::kOk) continue;
    run.latency_us = summarize(samples_us(run));
    run.steadiness = steadiness(rounds_us(run), seed);
    if (&run == reference) {
      run.speedup = Ratio{1.0, 1.0, 1.0};
    } else if (reference != nullptr) {
      run.speedup = ratio_of_medians(rounds_us(*reference), rounds_us(run), seed);
    }
  }
  if (group.noise && group.noise->status == RunStatus::kOk) {
    group.noise->latency_us = summarize(samples_us(*group.noise));
    group.noise->steadiness = steadiness(rounds_us(*group.noise), seed);
  }
}

}  // namespace cycloid
