// What a set of latencies says, and how sure it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cycloid {

// A percentile is shown only when at least this many samples are expected beyond it. The number of samples beyond the
// q-quantile of n is binomial with mean n(1-q) and, for small 1-q, standard deviation sqrt(n(1-q)): with 10 of them the
// rank that is read off is good to about 1/sqrt(10) = 32 % of the tail's weight (what is called p99 lies between p98.7
// and p99.3); with 1 it is an extreme value that says little. So p90 needs 100 samples, p99 1000, p99.9 10 000.
inline constexpr std::int64_t kSamplesBeyond = 10;

// Samples needed to show the percentile `permille`/10. The median and below need one.
std::int64_t samples_needed(int permille);

// The q-quantile (0 <= q <= 1) of ascending values by linear interpolation between order statistics (numpy's default,
// Hyndman and Fan's type 7). Needs at least one value.
double quantile(std::span<const double> ascending, double q);

struct LatencySummary {
  std::size_t count = 0;
  double min = 0;
  double p50 = 0;
  double mean = 0;
  double max = 0;
  std::optional<double> stddev;  // of the samples, n-1; needs two
  std::optional<double> p90;     // each needs samples_needed()
  std::optional<double> p99;
  std::optional<double> p999;
};

// nullopt when there are no samples. In the unit of the samples.
std::optional<LatencySummary> summarize(std::span<const double> samples);

// The samples of one participant, grouped by round.
using Rounds = std::vector<std::vector<double>>;

struct Ratio {
  double ratio = 1;
  // 95 % confidence interval; absent with fewer than kMinRoundsForInterval rounds.
  std::optional<double> low;
  std::optional<double> high;

  // Whether the interval leaves 1.0 open; nullopt without an interval.
  std::optional<bool> holds_one() const {
    if (!low || !high) return std::nullopt;
    return *low <= 1.0 && 1.0 <= *high;
  }
};

// Below this the set of possible resamples is too small for a tail probability of 2.5 % to mean anything
// (5 rounds give 126 distinct ones).
inline constexpr std::size_t kMinRoundsForInterval = 5;

// Median of all of `numerator` over median of all of `denominator`, with a bootstrap interval. What is resampled is the
// round, the same round for both, because latencies within a round are not independent and both saw the same state of
// the machine in it; rounds that either lacks are left out. The interval is the expanded percentile interval (T.
// Hesterberg, "What Teachers Should Know About the Bootstrap", 2015, section 5.2): the percentile interval of few
// observations is too narrow by about sqrt((n-1)/n) and a normal instead of a t quantile. nullopt when either has no
// samples or the denominator's median is 0. Same seed, same result.
std::optional<Ratio> ratio_of_medians(const Rounds& numerator, const Rounds& denominator, std::uint64_t seed);

// p99 over p50 of all samples (1 is perfectly steady), with the same interval. Bursts of somebody else's work fall into single rounds, so of a thousand samples it
// is wide: steadiness differs between two participants where their intervals are apart. nullopt with fewer samples than a p99 needs.
std::optional<Ratio> steadiness(const Rounds& rounds, std::uint64_t seed);

// P(T <= t) of Student's distribution with `freedom` >= 1 degrees of freedom, and its inverse for 0 < p < 1.
double student_cdf(double t, double freedom);
double student_quantile(double p, double freedom);

}  // namespace cycloid
