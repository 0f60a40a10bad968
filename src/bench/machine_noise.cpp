#include "bench/machine_noise.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cycloid {
namespace {

constexpr double kParts = 8, kLeastPartUs = 1;

}  // namespace

NoiseParts noise_parts(double fastest_run_us) {
  const double part_us = std::max(fastest_run_us / kParts, kLeastPartUs);
  return {part_us, std::max(1, static_cast<int>(std::lround(fastest_run_us / part_us)))};
}

std::optional<LatencySummary> noise_over(const std::vector<Turn>& parts, double span_us) {
  std::vector<double> lengths;
  for (const Turn& turn : parts) {
    for (const std::int64_t ns : turn.samples_ns) lengths.push_back(static_cast<double>(ns) / 1e3);
  }
  const std::optional<LatencySummary> part = summarize(lengths);
  if (!part || part->p50 <= 0 || span_us < part->p50 / 2) return std::nullopt;
  const auto in_span = std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(span_us / part->p50)));
  const std::size_t step = std::max<std::size_t>(1, in_span / 8);
  std::vector<double> spans;
  for (const Turn& turn : parts) {
    for (std::size_t at = 0; at + in_span <= turn.samples_ns.size(); at += step) {
      const auto begin = turn.samples_ns.begin() + static_cast<std::ptrdiff_t>(at);
      const auto ns = std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(in_span), std::int64_t{0});
      spans.push_back(static_cast<double>(ns) / 1e3);
    }
  }
  return summarize(spans);
}

std::vector<Turn> whole_runs(const std::vector<Turn>& parts, int per_run) {
  std::vector<Turn> runs;
  for (const Turn& turn : parts) {
    Turn& to = runs.emplace_back();
    to.start_s = turn.start_s;
    for (std::size_t at = 0; at < turn.samples_ns.size(); ++at) {
      if (at % static_cast<std::size_t>(per_run) == 0) to.samples_ns.push_back(0);
      to.samples_ns.back() += turn.samples_ns[at];
    }
  }
  return runs;
}

}  // namespace cycloid
