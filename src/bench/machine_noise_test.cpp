#include "bench/machine_noise.h"

#include <gtest/gtest.h>

#include <numeric>

namespace cycloid {
namespace {

TEST(MachineNoise, PartsAddUpToTheFastestRun) {
  EXPECT_EQ(noise_parts(1600).part_us, 200);
  EXPECT_EQ(noise_parts(1600).per_run, 8);
  // Of a short run fewer, of a microsecond: the clock would be what they measure.
  EXPECT_EQ(noise_parts(3.2).part_us, 1);
  EXPECT_EQ(noise_parts(3.2).per_run, 3);
  EXPECT_EQ(noise_parts(0.4).per_run, 1);
}

// Turns of `parts` parts of 100 us each, where every `every`-th part of all takes 50 us more.
std::vector<Turn> interrupted(int turns, int parts, int every) {
  std::vector<Turn> result(static_cast<std::size_t>(turns));
  int count = 0;
  for (Turn& turn : result) {
    for (int i = 0; i < parts; ++i) turn.samples_ns.push_back(100'000 + (++count % every == 0 ? 50'000 : 0));
  }
  return result;
}

TEST(MachineNoise, ALongSpanIsSteadierThanAShortOne) {
  const std::vector<Turn> parts = interrupted(40, 1000, 10);
  // One part in ten takes half as long again; of ten parts together each has one of these.
  const auto one = noise_over(parts, 100), ten = noise_over(parts, 1000), thousand = noise_over(parts, 100'000);
  ASSERT_TRUE(one && ten);
  EXPECT_DOUBLE_EQ(one->p50, 100);
  EXPECT_DOUBLE_EQ(*one->p99, 150);
  EXPECT_DOUBLE_EQ(ten->p50, 1050);
  EXPECT_DOUBLE_EQ(*ten->p99, 1050);
  // A turn is such a span, and 40 do not give a p99.
  ASSERT_TRUE(thousand);
  EXPECT_DOUBLE_EQ(thousand->p50, 105'000);
  EXPECT_FALSE(thousand->p99);
}

TEST(MachineNoise, SpansStayInTheirTurn) {
  std::vector<Turn> parts = interrupted(2, 8, 1000);
  parts[1].samples_ns.assign(8, 300'000);
  const auto spans = noise_over(parts, 800);  // as long as a turn of the first kind
  ASSERT_TRUE(spans);
  EXPECT_EQ(spans->count, 10U);  // the median part is 200: spans of four, five of each turn
  EXPECT_DOUBLE_EQ(spans->min, 400);
  EXPECT_DOUBLE_EQ(spans->max, 1200);
}

TEST(MachineNoise, NothingOverSpansThatItCannotTell) {
  EXPECT_FALSE(noise_over({}, 100));
  EXPECT_FALSE(noise_over(interrupted(4, 8, 1000), 40));    // less than half of a part
  EXPECT_FALSE(noise_over(interrupted(4, 8, 1000), 1000));  // longer than a turn
}

TEST(MachineNoise, WholeRunsHoldAllTime) {
  const std::vector<Turn> parts = interrupted(3, 16, 5), runs = whole_runs(parts, 8);
  ASSERT_EQ(runs.size(), 3U);
  for (std::size_t t = 0; t < runs.size(); ++t) {
    ASSERT_EQ(runs[t].samples_ns.size(), 2U);
    EXPECT_EQ(std::accumulate(runs[t].samples_ns.begin(), runs[t].samples_ns.end(), std::int64_t{0}),
              std::accumulate(parts[t].samples_ns.begin(), parts[t].samples_ns.end(), std::int64_t{0}));
  }
  EXPECT_EQ(whole_runs(parts, 1)[2].samples_ns, parts[2].samples_ns);
}

}  // namespace
}  // namespace cycloid
