#include "bench/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <vector>

namespace cycloid {
namespace {

TEST(Schedule, RoundsAreShortAndShareTheLoopsEvenly) {
  EXPECT_EQ(default_rounds(1), 1);
  EXPECT_EQ(default_rounds(5), 5);
  EXPECT_EQ(default_rounds(64), 8);
  EXPECT_EQ(default_rounds(1024), 32);
  EXPECT_EQ(default_rounds(1'000'000'000'000), 1024);
  for (const auto& [loops, rounds] :
       std::map<std::int64_t, int>{{1, 1}, {7, 3}, {1024, 32}, {10, 10}, {(1LL << 62) + 5, 1000}}) {
    const auto shares = loops_per_round(loops, rounds);
    EXPECT_EQ(shares.size(), static_cast<std::size_t>(rounds));
    EXPECT_EQ(std::accumulate(shares.begin(), shares.end(), std::int64_t{0}), loops);
    EXPECT_LE(*std::max_element(shares.begin(), shares.end()) - *std::min_element(shares.begin(), shares.end()), 1);
  }
}

TEST(Schedule, TurnsArePermutationsThatDependOnSeedAndRound) {
  std::set<std::vector<std::size_t>> seen;
  std::map<std::size_t, int> first;
  for (int round = 0; round < 600; ++round) {
    auto order = turn_order(3, round, 9);
    EXPECT_EQ(order, turn_order(3, round, 9));
    seen.insert(order);
    ++first[order[0]];
    EXPECT_TRUE(std::is_permutation(order.begin(), order.end(), std::vector<std::size_t>{0, 1, 2}.begin()));
  }
  EXPECT_EQ(seen.size(), 6U);
  // Each comes first in a third of 600 rounds: 200, standard deviation 11.5; five of them.
  for (const auto& [who, times] : first) EXPECT_NEAR(times, 200, 58) << who;
  EXPECT_NE(turn_order(9, 1, 1), turn_order(9, 1, 2));
}

// Runs until the policy has enough; gives the number of runs.
std::int64_t warm_up(const WarmUp& policy, double run_seconds) {
  std::int64_t done = 1;
  double seconds = 0;
  for (int requests = 0; requests < 100'000; ++requests) {
    const std::int64_t block = policy.next_block(done, seconds);
    if (block == 0) return done;
    done += block;
    seconds += static_cast<double>(block) * run_seconds;
  }
  return -1;
}

TEST(Schedule, WarmUpIsBoundedInRunsAndTime) {
  EXPECT_EQ(warm_up({}, 10), 3);              // slow models: three runs
  EXPECT_EQ(warm_up({}, 1), 6);               // 5 s
  EXPECT_NEAR(warm_up({}, 0.01), 52, 12);     // half a second, asked for in steps of a tenth
  EXPECT_GE(warm_up({}, 1e-6), 500'000 / 2);  // half a second of a microsecond model
  EXPECT_LE(warm_up({}, 1e-6), 700'000);
  EXPECT_EQ(warm_up({{1}}, 0.01), 1);
  EXPECT_EQ(warm_up({{25}}, 0.01), 25);
}

TEST(Schedule, SettlingTakesTwoMillisecondsOrAFewRuns) {
  EXPECT_EQ(settle_runs(1.0), 1);
  EXPECT_EQ(settle_runs(0.025), 2);
  EXPECT_EQ(settle_runs(0.0025), 4);
  EXPECT_EQ(settle_runs(0.0005), 4);
  EXPECT_EQ(settle_runs(0.0001), 20);
  EXPECT_EQ(settle_runs(1e-7), 200);
  EXPECT_EQ(settle_runs(0), 200);
}

TEST(Schedule, LoopsStayWithinTheTimeThatIsGiven) {
  const std::vector<double> slow = {0.1, 0.05, 0.001}, fast = {2e-6, 1e-6, 1e-3};
  // 8 rounds with settling runs of 0.1, 0.05 and 4 times 0.001 s take 1.232 s, and a run of each 0.151 s.
  EXPECT_EQ(loops_within(10, 1024, slow), 58);
  EXPECT_EQ(loops_within(0.01, 1024, slow), 8);  // never fewer
  EXPECT_EQ(loops_within(0.01, 5, slow), 5);     // unless fewer are asked for
  EXPECT_EQ(loops_within(10, 1024, fast), 1024);
  EXPECT_EQ(loops_within(1, 1024, {}), 1024);
}

TEST(Schedule, RequestsStayWellWithinTheTimeLimit) {
  EXPECT_EQ(largest_block(1.0, 40), 10);
  EXPECT_EQ(largest_block(100.0, 40), 1);
  EXPECT_EQ(largest_block(1e-9, 40), 1'000'000);
  EXPECT_EQ(largest_block(0, 40), 1'000'000);
}

}  // namespace
}  // namespace cycloid
