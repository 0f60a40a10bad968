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

// Median of a multiset: each sample of `ascending` counts as often as its round was drawn.
double weighted_median(const std::vector<TaggedSample>& ascending, const std::vector<std::uint32_t>& draws,
                       const std::vector<std::uint32_t>& sizes) {
  std::uint64_t total = 0;
  for (std::size_t r = 0; r < draws.size(); ++r) total += std::uint64_t{draws[r]} * sizes[r];
  const std::uint64_t lower = (total - 1) / 2;
  const std::uint64_t upper = total / 2;
  std::uint64_t seen = 0;
  double at_lower = 0;
  bool has_lower = false;
  for (const TaggedSample& sample : ascending) {
    seen += draws[sample.round];
    if (!has_lower && seen > lower) {
      at_lower = sample.value;
      has_lower = true;
    }
    if (seen > upper) return (at_lower + sample.value) / 2;
  }
  return at_lower;
}

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
};

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
  if (summary.p99 && summary.p50 > 0) summary.steadiness = *summary.p99 / summary.p50;
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
  std::vector<std::uint32_t> draws(rounds, 1);
  const double denominator_median = weighted_median(bottom.ascending, draws, bottom.sizes);
  if (denominator_median <= 0) return std::nullopt;
  Ratio result;
  result.ratio = weighted_median(top.ascending, draws, top.sizes) / denominator_median;
  if (rounds < kMinRoundsForInterval) return result;

  std::mt19937_64 random(seed);
  std::vector<double> ratios;
  for (int i = 0; i < kResamples; ++i) {
    std::fill(draws.begin(), draws.end(), 0);
    for (std::uint32_t r = 0; r < rounds; ++r) ++draws[random() % rounds];  // the bias of % is below 2^-58
    const double below = weighted_median(bottom.ascending, draws, bottom.sizes);
    if (below > 0) ratios.push_back(weighted_median(top.ascending, draws, top.sizes) / below);
  }
  if (ratios.empty()) return result;
  std::sort(ratios.begin(), ratios.end());
  const double n = rounds;
  const double expanded = std::sqrt(n / (n - 1)) * student_quantile(0.975, n - 1);
  const double tail = std::erfc(expanded / std::numbers::sqrt2) / 2;
  result.low = quantile(ratios, tail);
  result.high = quantile(ratios, 1 - tail);
  return result;
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
