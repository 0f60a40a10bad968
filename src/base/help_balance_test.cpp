#include "base/help_balance.h"

#include <gtest/gtest.h>

namespace cycloid {
namespace {

constexpr std::int64_t kMs = 1'000'000;

// Runs of 1 ms from `now` on, of which help saves 0.4 ms, for `time`; every `every`-th helped one waits for `wait`. How many were helped.
int helped(HelpBalance& balance, std::int64_t& now, std::int64_t time, int every, std::int64_t wait) {
  int count = 0;
  for (const std::int64_t end = now + time; now < end; now += kMs) {
    if (!balance.pays(now)) continue;
    ++count;
    balance.book(0.4 * kMs, count % every == 0 ? wait : 0, now);
  }
  return count;
}

TEST(HelpBalance, RareWaitsDoNotMatter) {
  HelpBalance balance;
  std::int64_t now = 0;
  EXPECT_EQ(helped(balance, now, 10'000 * kMs, 50, 4 * kMs), 10'000);
}

TEST(HelpBalance, FrequentOnesEndHelpMoreAndMoreSeldomTried) {
  HelpBalance balance;
  std::int64_t now = 0;
  EXPECT_LT(helped(balance, now, 1000 * kMs, 6, 4 * kMs), 300);
  EXPECT_LT(helped(balance, now, 10'000 * kMs, 6, 4 * kMs), 500);
  // When the other program is gone, help comes back within the longest pause.
  EXPECT_GT(helped(balance, now, 3000 * kMs, 1'000'000, 0), 1900);
  // And a new one is answered as fast as the first.
  EXPECT_LT(helped(balance, now, 1000 * kMs, 6, 4 * kMs), 300);
}

TEST(HelpBalance, WaitsOfLongRunsAreSetAgainstWhatTheySave) {
  HelpBalance balance;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(balance.pays(i * 20 * kMs));
    balance.book(10.0 * kMs, i % 4 == 0 ? 4 * kMs : 0, i * 20 * kMs);
  }
}

TEST(HelpBalance, OneLongWaitIsNotWorthTheHelpOfShortRuns) {
  HelpBalance balance;
  balance.book(2000, 0, 0);
  EXPECT_TRUE(balance.pays(1));
  balance.book(2000, 4 * kMs, 1);
  EXPECT_FALSE(balance.pays(2));
  EXPECT_TRUE(balance.pays(51 * kMs));
}

}  // namespace
}  // namespace cycloid
