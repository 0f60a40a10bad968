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
  Helpers helpers(team->progress(), threads);
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

TEST(Helpers, AreThoseOfTheInnermostScope) {
  ThreadTeam::Event progress;
  Helpers helpers(progress, 2);
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
