#include "bench/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace cycloid {
namespace {

std::vector<double> first_integers(int n) {
  std::vector<double> values;
  for (int i = 1; i <= n; ++i) values.push_back(i);
  std::shuffle(values.begin(), values.end(), std::mt19937_64(1));
  return values;
}

TEST(Statistics, QuantilesInterpolateAsTypeSevenDoes) {
  // By the definition: position q(n-1) between order statistics.
  const std::vector<double> x = {10, 20, 40, 80};
  EXPECT_DOUBLE_EQ(quantile(x, 0), 10);
  EXPECT_DOUBLE_EQ(quantile(x, 1), 80);
  EXPECT_DOUBLE_EQ(quantile(x, 0.5), 30);
  EXPECT_DOUBLE_EQ(quantile(x, 0.25), 17.5);
  EXPECT_DOUBLE_EQ(quantile(std::vector<double>{5}, 0.99), 5);
}

TEST(Statistics, SummaryOfTheFirstIntegersHasClosedForms) {
  const auto s = summarize(first_integers(10001));
  ASSERT_TRUE(s);
  EXPECT_EQ(s->count, 10001U);
  EXPECT_DOUBLE_EQ(s->min, 1);
  EXPECT_DOUBLE_EQ(s->max, 10001);
  EXPECT_DOUBLE_EQ(s->p50, 5001);
  EXPECT_DOUBLE_EQ(s->mean, 5001);
  EXPECT_NEAR(*s->p90, 9001, 1e-8);
  EXPECT_NEAR(*s->p99, 9901, 1e-8);
  EXPECT_NEAR(*s->p999, 9991, 1e-8);
  const double n = 10001;
  EXPECT_NEAR(*s->stddev, std::sqrt(n * (n + 1) / 12), 1e-8);  // variance of 1..n, unbiased
}

TEST(Statistics, PercentilesNeedTenSamplesBeyondThem) {
  EXPECT_EQ(samples_needed(500), 1);
  EXPECT_EQ(samples_needed(900), 100);
  EXPECT_EQ(samples_needed(990), 1000);
  EXPECT_EQ(samples_needed(999), 10000);
  EXPECT_FALSE(summarize(first_integers(99))->p90);
  EXPECT_TRUE(summarize(first_integers(100))->p90);
  EXPECT_FALSE(summarize(first_integers(999))->p99);
  EXPECT_TRUE(summarize(first_integers(1000))->p99);
  EXPECT_FALSE(summarize(first_integers(9999))->p999);
  EXPECT_TRUE(summarize(first_integers(10000))->p999);
  EXPECT_FALSE(summarize(first_integers(1))->stddev);
  EXPECT_FALSE(summarize({}));
}

TEST(Statistics, StudentAgreesWithPublishedTablesAndClosedForms) {
  for (const double t : {-3.0, -0.5, 0.0, 0.7, 10.0}) {  // one degree of freedom is Cauchy's distribution
    EXPECT_NEAR(student_cdf(t, 1), 0.5 + std::atan(t) / M_PI, 1e-12);
    EXPECT_NEAR(student_cdf(t, 2), 0.5 + t / (2 * std::sqrt(2 + t * t)), 1e-9);
  }
  // NIST/SEMATECH e-Handbook, table 1.3.6.7.2, upper 0.025 points.
  EXPECT_NEAR(student_quantile(0.975, 1), 12.706, 5e-4);
  EXPECT_NEAR(student_quantile(0.975, 7), 2.365, 5e-4);
  EXPECT_NEAR(student_quantile(0.975, 31), 2.040, 5e-4);
  EXPECT_NEAR(student_quantile(0.025, 7), -2.365, 5e-4);
}

Rounds noisy_rounds(int rounds, int loops, double centre, double round_sigma, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  Rounds result;
  for (int r = 0; r < rounds; ++r) {
    const double level = centre * std::exp(round_sigma * normal(random));
    std::vector<double> samples;
    for (int i = 0; i < loops; ++i) samples.push_back(level * std::exp(0.01 * normal(random)));
    result.push_back(samples);
  }
  return result;
}

TEST(Statistics, RatioIsOfTheMediansAndExactForConstants) {
  const Rounds a(8, std::vector<double>(4, 30.0));
  const Rounds b(8, std::vector<double>(4, 20.0));
  const auto r = ratio_of_medians(a, b, 1);
  ASSERT_TRUE(r);
  EXPECT_DOUBLE_EQ(r->ratio, 1.5);
  EXPECT_DOUBLE_EQ(*r->low, 1.5);
  EXPECT_DOUBLE_EQ(*r->high, 1.5);
  EXPECT_EQ(r->holds_one(), false);
  EXPECT_EQ(ratio_of_medians(a, a, 1)->holds_one(), true);
}

TEST(Statistics, RatioNeedsCommonRoundsAndEnoughOfThem) {
  const Rounds four(4, {1.0, 2.0, 3.0});
  const auto r = ratio_of_medians(four, four, 1);
  ASSERT_TRUE(r);
  EXPECT_FALSE(r->low || r->high || r->holds_one());
  EXPECT_FALSE(ratio_of_medians(four, {}, 1));
  EXPECT_FALSE(ratio_of_medians(four, {{}, {}, {}, {}}, 1));
  EXPECT_FALSE(ratio_of_medians(four, Rounds(4, {0.0}), 1));
  // The second round is the denominator's crash: it counts for neither.
  const auto common = ratio_of_medians({{2.0}, {100.0}, {2.0}}, {{1.0}, {}, {1.0}}, 1);
  ASSERT_TRUE(common);
  EXPECT_DOUBLE_EQ(common->ratio, 2.0);
}

TEST(Statistics, RatioIsTheSameForTheSameSeed) {
  std::mt19937_64 random(5);
  const Rounds a = noisy_rounds(10, 8, 10, 0.2, random);
  const Rounds b = noisy_rounds(10, 8, 10, 0.2, random);
  EXPECT_EQ(ratio_of_medians(a, b, 3)->low, ratio_of_medians(a, b, 3)->low);
  EXPECT_NE(ratio_of_medians(a, b, 3)->low, ratio_of_medians(a, b, 4)->low);
}

TEST(Statistics, IntervalCoversTheTruthAboutAsOftenAsItSays) {
  std::mt19937_64 random(7);
  int covered = 0;
  constexpr int kTrials = 300;
  for (int i = 0; i < kTrials; ++i) {
    const auto r = ratio_of_medians(noisy_rounds(10, 4, 12, 0.1, random), noisy_rounds(10, 4, 10, 0.1, random), i);
    covered += *r->low <= 1.2 && 1.2 <= *r->high;
  }
  // 95 % of 300 is 285, standard deviation sqrt(300*.95*.05) = 3.8. The bootstrap of a median is approximate, so allow
  // 90 % to 100 % coverage less four standard deviations below: 270 - 4*5.2.
  EXPECT_GE(covered, 249);
  EXPECT_LE(covered, 300);
}

TEST(Statistics, SteadinessIsP99OverP50AndNeedsAThousandSamples) {
  std::mt19937_64 random(5);
  std::lognormal_distribution<double> latency(0, 0.1);
  Rounds rounds(32, std::vector<double>(32));
  std::vector<double> all;
  for (auto& round : rounds) {
    for (double& value : round) all.push_back(value = latency(random));
  }
  const auto found = steadiness(rounds, 1);
  ASSERT_TRUE(found && found->low && found->high);
  const auto summary = summarize(all);
  EXPECT_NEAR(found->ratio, *summary->p99 / summary->p50, 1e-12);
  EXPECT_LT(*found->low, found->ratio);
  EXPECT_GT(*found->high, found->ratio);
  rounds.resize(31);  // 992
  EXPECT_FALSE(steadiness(rounds, 1));
}

// Of lognormal latencies p99/p50 is exp(sigma * 2.3263), the normal distribution's 99 % point.
TEST(Statistics, SteadinessIntervalCoversTheTruthAboutAsOftenAsItSays) {
  std::mt19937_64 random(6);
  std::lognormal_distribution<double> latency(0, 0.1);
  constexpr int kTrials = 100;
  int covered = 0;
  for (int i = 0; i < kTrials; ++i) {
    Rounds rounds(32, std::vector<double>(32));
    for (auto& round : rounds) {
      for (double& value : round) value = latency(random);
    }
    const auto found = steadiness(rounds, static_cast<std::uint64_t>(i));
    const double truth = std::exp(0.1 * 2.3263);
    covered += *found->low <= truth && truth <= *found->high ? 1 : 0;
  }
  // A quantile's percentile interval is a little narrow; binomial spread of 100 trials at 95 %: 2.2.
  EXPECT_GE(covered, 85);
}

// One round of 32 is slow as a whole: the interval says that p99 hangs on it.
TEST(Statistics, ABurstInOneRoundMakesTheIntervalWide) {
  Rounds rounds(32, std::vector<double>(32, 1.0));
  rounds[7].assign(32, 1.6);
  const auto found = steadiness(rounds, 1);
  EXPECT_NEAR(found->ratio, 1.6, 1e-12);  // 32 of 1024 are above the 99 % point
  EXPECT_EQ(found->low, 1.0);             // a third of the resamples lack the round
  EXPECT_EQ(found->high, 1.6);
}

}  // namespace
}  // namespace cycloid
