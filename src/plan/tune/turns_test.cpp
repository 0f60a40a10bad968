#include "plan/tune/turns.h"

#include <gtest/gtest.h>

namespace cycloid {
namespace {

// Functions that take the times that they are told, on a clock of their own.
struct World {
  double clock = 0;
  std::vector<int> runs;
  std::vector<std::function<void()>> functions;

  explicit World(const std::vector<std::vector<double>>& times) : runs(times.size(), 0) {
    for (std::size_t i = 0; i < times.size(); ++i)
      functions.emplace_back(
          [this, i, times] { clock += times[i][static_cast<std::size_t>(runs[i]++) % times[i].size()]; });
  }
  std::vector<Timing> time(double budget) {
    return time_in_turns(functions, budget, {.now = [this] { return clock; }});
  }
};

TEST(TimeInTurns, FindsTheFastestAndDropsTheSlow) {
  World world({{10}, {9}, {30}, {8}});
  const std::vector<Timing> timings = world.time(1e9);
  EXPECT_EQ(choose_timing(timings), 3U);
  EXPECT_EQ(world.runs[2], 3);             // a run to warm up, and two that showed that it is slow
  EXPECT_EQ(timings[3].turns, kMaxTurns);  // what is left stays to the end
  EXPECT_EQ(timings[0].turns, kMaxTurns);  // and so does the first
  EXPECT_EQ(timings[1].seconds, 9);
}

TEST(TimeInTurns, ReadsThroughInterruptions) {
  // Every third run of the faster one is interrupted, and its median with it in a few turns; the quartile is not.
  World world({{10}, {8, 100, 8}});
  EXPECT_EQ(choose_timing(world.time(1e9)), 1U);
}

TEST(TimeInTurns, KeepsTheFirstWhereNothingIsClearlyFaster) {
  World world({{10}, {9.8}, {10.5}});
  EXPECT_EQ(choose_timing(world.time(1e9)), 0U);  // 2 %
}

TEST(TimeInTurns, EndsWithItsBudget) {
  World world({{10}, {5}, {5}});
  const std::vector<Timing> timings = world.time(25);  // two runs of the first, and one of the second after its warm-up
  EXPECT_EQ(timings[0].turns, 1);
  EXPECT_EQ(timings[1].turns, 1);
  EXPECT_EQ(timings[2].turns, 0);
  EXPECT_EQ(choose_timing(timings), 0U);  // too few turns to say
}

TEST(TimeInTurns, StopsWhereOnlyTheFirstIsLeft) {
  World world({{10}, {100}});
  const std::vector<Timing> timings = world.time(1e9);
  EXPECT_EQ(timings[0].turns, 2);
  EXPECT_EQ(choose_timing(timings), 0U);
}

}  // namespace
}  // namespace cycloid
