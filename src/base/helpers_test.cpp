#include "base/helpers.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace cycloid {
namespace {

// Runs `caller` on the caller's thread of a team while the others offer help.
template <class F>
void with_helpers(int threads, F caller) {
  const auto team = ThreadTeam::create({.threads = threads}).value();
  Helpers helpers(team->progress(), threads, team->spin_microseconds());
  std::atomic<bool> over{false};
  team->assist([&](int thread) {
    if (thread == 0) {
      caller(helpers);
      over.store(true, std::memory_order_release);
      return;
    }
    while (!over.load(std::memory_order_acquire)) {
      helpers.help();
      std::this_thread::yield();
    }
  });
}

TEST(Helpers, DoEveryPartOnce) {
  with_helpers(3, [](Helpers& helpers) {
    for (int round = 0; round < 500; ++round) {
      const int parts = round % 17;
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(parts) + 1);
      std::vector<std::atomic<int>> busy(3);
      helpers.share(parts, [&](std::int64_t i, int helper) {
        ASSERT_EQ(busy[static_cast<std::size_t>(helper)].fetch_add(1), 0) << "two at once are helper " << helper;
        done[static_cast<std::size_t>(i)].fetch_add(1);
        busy[static_cast<std::size_t>(helper)].fetch_sub(1);
      });
      for (int i = 0; i < parts; ++i) ASSERT_EQ(done[static_cast<std::size_t>(i)].load(), 1) << i << " of " << parts;
    }
  });
}

// Each of two parts ends only when both have begun: one thread alone would not come to an end.
TEST(Helpers, ComeWhileTheOwnerWorks) {
  with_helpers(2, [](Helpers& helpers) {
    std::atomic<int> begun{0};
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    helpers.share(2, [&](std::int64_t, int) {
      begun.fetch_add(1);
      while (begun.load() < 2 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    });
    EXPECT_EQ(begun.load(), 2);
    EXPECT_LT(std::chrono::steady_clock::now(), end);
  });
}

TEST(Helpers, WhoSharesInAPartDoesItAlone) {
  with_helpers(2, [](Helpers& helpers) {
    std::atomic<int> done{0};
    helpers.share(4, [&](std::int64_t, int) {
      const std::thread::id self = std::this_thread::get_id();
      helpers.share(5, [&](std::int64_t, int helper) {
        EXPECT_EQ(helper, 0);
        EXPECT_EQ(std::this_thread::get_id(), self);
        done.fetch_add(1);
      });
    });
    EXPECT_EQ(done.load(), 20);
  });
}

// Each part adds what all parts made in the round before: a round that began too early, or a part that was left out or done
// twice, would change every number after it.
TEST(Rounds, FollowEachOther) {
  for (const int parts : {1, 2, 3, 5}) {
    const int rounds = 2000;
    std::vector<std::uint64_t> expected(static_cast<std::size_t>(parts)), made(static_cast<std::size_t>(2 * parts));
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = made[i] = i + 1;
    const auto mix = [](const std::uint64_t* all, int count, std::int64_t round, int part) {
      std::uint64_t sum = static_cast<std::uint64_t>(round) * 31 + static_cast<std::uint64_t>(part);
      for (int i = 0; i < count; ++i) sum = sum * 0x9e3779b97f4a7c15 + all[i];
      return sum;
    };
    for (int round = 0; round < rounds; ++round) {
      std::vector<std::uint64_t> next;
      for (int i = 0; i < parts; ++i) next.push_back(mix(expected.data(), parts, round, i));
      expected = next;
    }
    const auto part = [&](std::int64_t round, int i) {
      const std::uint64_t* from = made.data() + round % 2 * parts;
      made[static_cast<std::size_t>((round + 1) % 2 * parts + i)] = mix(from, parts, round, i);
    };
    const std::vector<std::uint64_t> begin = made;
    for (const int threads : {1, 2, 3}) {
      made = begin;
      with_helpers(threads, [&](Helpers& helpers) {
        const HelpersScope scope(&helpers);
        share_rounds(rounds, parts, part);
      });
      EXPECT_EQ(std::vector(made.begin(), made.begin() + parts), expected)
          << parts << " parts, " << threads << " threads";
    }
    made = begin;
    share_rounds(rounds, parts, part);
    EXPECT_EQ(std::vector(made.begin(), made.begin() + parts), expected) << parts << " parts without helpers";
  }
}

// The second thread comes when all rounds but one are over: the caller did its parts meanwhile.
TEST(Rounds, DoNotWaitForAThreadThatIsHeldUp) {
  const auto team = ThreadTeam::create({.threads = 2}).value();
  Helpers helpers(team->progress(), 2, team->spin_microseconds());
  constexpr std::int64_t kRounds = 50;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::atomic<std::int64_t> round_now{0};
  std::atomic<int> parts{0};
  team->assist([&](int thread) {
    if (thread != 0) {
      while (round_now.load() < kRounds - 1 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
      return helpers.help();
    }
    const HelpersScope scope(&helpers);
    share_rounds(kRounds, 2, [&](std::int64_t round, int) {
      round_now.store(round);
      parts.fetch_add(1);
    });
  });
  EXPECT_EQ(parts.load(), 2 * kRounds);
  EXPECT_LT(std::chrono::steady_clock::now(), end);
}

TEST(Helpers, AreThoseOfTheInnermostScope) {
  ThreadTeam::Event progress;
  Helpers helpers(progress, 2, 0);
  EXPECT_EQ(current_helpers(), nullptr);
  {
    const HelpersScope scope(&helpers);
    EXPECT_EQ(current_helpers(), &helpers);
    {
      const HelpersScope none(nullptr);
      EXPECT_EQ(current_helpers(), nullptr);
    }
    EXPECT_EQ(current_helpers(), &helpers);
  }
  EXPECT_EQ(current_helpers(), nullptr);
}

}  // namespace
}  // namespace cycloid
