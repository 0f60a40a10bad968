#include "bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <random>

#include "base/check.h"

namespace cycloid {
namespace {

constexpr int kResamples = 2000;  // the 2.5 % points then rest on 50 resamples each

struct TaggedSample {
  double value;
  std::uint32_t round;
};

struct Resampled {
  std::vector<TaggedSample> ascending;
  std::vector<std::uint32_t> sizes;  // samples in each round

  void add(std::uint32_t round, const std::vector<double>& samples) {
    for (const double value : samples) ascending.push_back({value, round});
    sizes.push_back(static_cast<std::uint32_t>(samples.size()));
  }
  void sort() {
    std::sort(ascending.begin(), ascending.end(), [](const auto& a, const auto& b) { return a.value < b.value; });
  }

  // The q-quantile, as quantile() has it, where each sample counts as often as its round was drawn.
  double quantile(double q, const std::vector<std::uint32_t>& draws) const {
    std::uint64_t total = 0;
    for (std::size_t r = 0; r < draws.size(); ++r) total += std::uint64_t{draws[r]} * sizes[r];
    const double at = q * static_cast<double>(total - 1);
    const auto below = static_cast<std::uint64_t>(at), above = std::min(below + 1, total - 1);
    std::uint64_t seen = 0;
    std::optional<double> value_below;
    for (const TaggedSample& sample : ascending) {
      seen += draws[sample.round];
      if (!value_below && seen > below) value_below = sample.value;
      if (seen > above) return *value_below + (at - static_cast<double>(below)) * (sample.value - *value_below);
    }
    return value_below.value_or(0);
  }
};

// The statistic of all `rounds` rounds and, from kMinRoundsForInterval on, its interval: the expanded percentile interval. `statistic`
// takes how often each round was drawn; nullopt where it has no value.
template <class Statistic>
std::optional<Ratio> bootstrap(std::uint32_t rounds, std::uint64_t seed, const Statistic& statistic) {
  std::vector<std::uint32_t> draws(rounds, 1);
  const std::optional<double> all = statistic(draws);
  if (!all) return std::nullopt;
  Ratio result;
  result.ratio = *all;
  if (rounds < kMinRoundsForInterval) return result;
  std::mt19937_64 random(seed);
  std::vector<double> resampled;
  for (int i = 0; i < kResamples; ++i) {
    std::fill(draws.begin(), draws.end(), 0);
    for (std::uint32_t r = 0; r < rounds; ++r) ++draws[random() % rounds];  // the bias of % is below 2^-58
    if (const std::optional<double> value = statistic(draws)) resampled.push_back(*value);
  }
  if (resampled.empty()) return result;
  std::sort(resampled.begin(), resampled.end());
  const double n = rounds;
  const double expanded = std::sqrt(n / (n - 1)) * student_quantile(0.975, n - 1);
  const double tail = std::erfc(expanded / std::numbers::sqrt2) / 2;
  result.low = quantile(resampled, tail);
  result.high = quantile(resampled, 1 - tail);
  return result;
}

}  // namespace

std::int64_t samples_needed(int permille) {
  CYCLOID_CHECK(permille >= 0 && permille < 1000);
  if (permille <= 500) return 1;
  const std::int64_t beyond = 1000 - permille;
  return (kSamplesBeyond * 1000 + beyond - 1) / beyond;
}

double quantile(std::span<const double> ascending, double q) {
  CYCLOID_CHECK(!ascending.empty());
  const double at = q * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, ascending.size() - 1);
  return ascending[below] + (at - static_cast<double>(below)) * (ascending[above] - ascending[below]);
}

std::optional<LatencySummary> summarize(std::span<const double> samples) {
  if (samples.empty()) return std::nullopt;
  std::vector<double> ascending(samples.begin(), samples.end());
  std::sort(ascending.begin(), ascending.end());
  const auto count = static_cast<double>(ascending.size());
  LatencySummary summary;
  summary.count = ascending.size();
  summary.min = ascending.front();
  summary.max = ascending.back();
  summary.mean = std::accumulate(ascending.begin(), ascending.end(), 0.0) / count;
  summary.p50 = quantile(ascending, 0.5);
  if (ascending.size() > 1) {
    double squares = 0;
    for (const double value : ascending) squares += (value - summary.mean) * (value - summary.mean);
    summary.stddev = std::sqrt(squares / (count - 1));
  }
  const auto percentile = [&](int permille) -> std::optional<double> {
    if (static_cast<std::int64_t>(ascending.size()) < samples_needed(permille)) return std::nullopt;
    return quantile(ascending, permille / 1000.0);
  };
  summary.p90 = percentile(900);
  summary.p99 = percentile(990);
  summary.p999 = percentile(999);
  return summary;
}

std::optional<Ratio> ratio_of_medians(const Rounds& numerator, const Rounds& denominator, std::uint64_t seed) {
  Resampled top;
  Resampled bottom;
  std::uint32_t rounds = 0;
  for (std::size_t r = 0; r < std::min(numerator.size(), denominator.size()); ++r) {
    if (numerator[r].empty() || denominator[r].empty()) continue;
    top.add(rounds, numerator[r]);
    bottom.add(rounds, denominator[r]);
    ++rounds;
  }
  if (rounds == 0) return std::nullopt;
  top.sort();
  bottom.sort();
  return bootstrap(rounds, seed, [&](const std::vector<std::uint32_t>& draws) -> std::optional<double> {
    const double below = bottom.quantile(0.5, draws);
    if (below <= 0) return std::nullopt;
    return top.quantile(0.5, draws) / below;
  });
}

std::optional<Ratio> steadiness(const Rounds& rounds, std::uint64_t seed) {
  Resampled samples;
  std::uint32_t count = 0;
  for (const std::vector<double>& round : rounds) {
    if (!round.empty()) samples.add(count++, round);
  }
  if (static_cast<std::int64_t>(samples.ascending.size()) < samples_needed(990)) return std::nullopt;
  samples.sort();
  return bootstrap(count, seed, [&](const std::vector<std::uint32_t>& draws) -> std::optional<double> {
    const double median = samples.quantile(0.5, draws);
    if (median <= 0) return std::nullopt;
    return samples.quantile(0.99, draws) / median;
  });
}

double student_cdf(double t, double freedom) {
  // The density in terms of the angle a = atan(t / sqrt(freedom)) is proportional to cos(a)^(freedom-1), which is
  // smooth and bounded: Simpson's rule on it converges fast.
  const double angle = std::atan(t / std::sqrt(freedom));
  constexpr int kSteps = 2000;
  const double step = angle / kSteps;
  double sum = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const double weight = (i == 0 || i == kSteps) ? 1 : (i % 2 == 1 ? 4 : 2);
    sum += weight * std::pow(std::cos(i * step), freedom - 1);
  }
  const double scale =
      std::exp(std::lgamma((freedom + 1) / 2) - std::lgamma(freedom / 2)) / std::sqrt(std::numbers::pi);
  return 0.5 + scale * sum * step / 3;
}

double student_quantile(double p, double freedom) {
  CYCLOID_CHECK(p > 0 && p < 1 && freedom >= 1);
  if (p < 0.5) return -student_quantile(1 - p, freedom);
  double low = 0;
  double high = 1;
  while (student_cdf(high, freedom) < p && high < 1e12) high *= 2;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (student_cdf(middle, freedom) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace cycloid
