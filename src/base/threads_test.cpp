#include "base/threads.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

#include "base/cgroup.h"
#include "base/denormal.h"

namespace cycloid {
namespace {

std::unique_ptr<ThreadTeam> make_team(int threads, ThreadTeamOptions options = {}) {
  options.threads = threads;
  auto team = ThreadTeam::create(options);
  EXPECT_TRUE(team.ok());
  return *std::move(team);
}

TEST(ThreadTeam, CallsTheBodyOnceOnEachThread) {
  for (const int threads : {1, 2, 3, 7}) {
    const auto team = make_team(threads);
    EXPECT_EQ(team->size(), threads);
    std::vector<int> calls(static_cast<size_t>(threads));
    std::vector<std::thread::id> ids(static_cast<size_t>(threads));
    team->run([&](int thread) {
      ++calls[static_cast<size_t>(thread)];
      ids[static_cast<size_t>(thread)] = std::this_thread::get_id();
    });
    EXPECT_EQ(calls, std::vector<int>(static_cast<size_t>(threads), 1));
    EXPECT_EQ(ids[0], std::this_thread::get_id());
  }
}

// Plain (not atomic) writes are seen across barriers and across runs: the thread sanitizer checks the ordering.
TEST(ThreadTeam, WritesAreSeenAfterBarriersAndRuns) {
  const auto team = make_team(4);  // more than the processors of a small machine
  std::vector<int64_t> mine(4);
  int64_t wrong = 0;
  for (int region = 0; region < 2000; ++region) {
    team->run([&](int thread) {
      mine[static_cast<size_t>(thread)] = region + thread;
      team->barrier();
      const int64_t neighbour = mine[static_cast<size_t>((thread + 1) % 4)];
      team->barrier();
      mine[static_cast<size_t>(thread)] = neighbour;
    });
    for (int thread = 0; thread < 4; ++thread) {
      if (mine[static_cast<size_t>(thread)] != region + (thread + 1) % 4) ++wrong;
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(ThreadTeam, ManyBarriersInOneRegion) {
  const auto team = make_team(3);
  std::vector<int> steps(3);
  std::atomic<int> wrong{0};
  team->run([&](int thread) {
    for (int step = 1; step <= 5000; ++step) {
      steps[static_cast<size_t>(thread)] = step;
      team->barrier();
      if (steps[0] != step || steps[1] != step || steps[2] != step) ++wrong;
      team->barrier();
    }
  });
  EXPECT_EQ(wrong, 0);
}

// Whoever comes takes numbers; all are taken once, however many workers came, and none is inside afterwards.
TEST(ThreadTeam, AssistDoesAllTheWorkWithWhoeverComes) {
  for (const int spin : {0, 20}) {
    const auto team = make_team(4, {.spin_microseconds = spin});  // more than the processors of a small machine
    int64_t wrong = 0;
    for (int region = 0; region < 3000; ++region) {
      constexpr int kNumbers = 64;
      std::atomic<int> next{0};
      int taken[kNumbers] = {};
      std::atomic<int> calls[4] = {};
      std::atomic<int> inside{0};
      team->assist([&](int thread) {
        ++inside;
        ++calls[thread];
        for (int i = next++; i < kNumbers; i = next++) ++taken[i];
        --inside;
      });
      if (inside != 0 || calls[0] != 1) ++wrong;
      for (const int count : taken) wrong += count == 1 ? 0 : 1;
      if (region % 500 == 0) team->run([&](int) { ++calls[0]; });
      if (region % 500 == 0 && calls[0] != 5) ++wrong;
    }
    EXPECT_EQ(wrong, 0);
    // On a busy machine the caller may have done all of these; who waits for help gets it.
    std::atomic<bool> came{false};
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    team->assist([&](int thread) {
      if (thread != 0) came = true;
      while (!came && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    });
    EXPECT_TRUE(came);
  }
}

TEST(ThreadTeam, WakesAfterItsWorkersSlept) {
  const auto team = make_team(2, {.spin_microseconds = 0});
  int sum = 0;
  for (int region = 0; region < 100; ++region) {
    if (region % 20 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    int parts[2] = {};
    team->run([&](int thread) { parts[thread] = 1; });
    sum += parts[0] + parts[1];
  }
  EXPECT_EQ(sum, 200);
}

TEST(ThreadTeam, TwoTeamsWorkAtTheSameTime) {
  std::atomic<int> calls{0};
  const auto use = [&] {
    const auto team = make_team(2);
    for (int region = 0; region < 500; ++region) team->run([&](int) { ++calls; });
  };
  std::thread other(use);
  use();
  other.join();
  EXPECT_EQ(calls, 2000);
}

TEST(ThreadTeam, PinsWorkersWhenAsked) {
  const auto team = make_team(3, {.pin = true});
  const std::vector<int> cpus = allowed_cpus();
  std::vector<std::vector<int>> allowed(3);
  team->run([&](int thread) { allowed[static_cast<size_t>(thread)] = allowed_cpus(); });
  EXPECT_EQ(allowed[0], cpus);
  for (size_t i = 1; i < 3; ++i) EXPECT_EQ(allowed[i], std::vector<int>{cpus[i % cpus.size()]});
}

TEST(ThreadTeam, WorkersLeaveTheProcessorOfTheCaller) {
  const std::vector<int> cpus = allowed_cpus();
  if (cpus.size() < 2) GTEST_SKIP() << "one processor";
  const auto stay_on = [](int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    ASSERT_EQ(pthread_setaffinity_np(pthread_self(), sizeof(set), &set), 0);
  };
  std::thread([&] {  // whose processor may be chosen
    auto team = std::move(ThreadTeam::create({.threads = 2})).value();
    stay_on(cpus[0]);
    team->run([&](int thread) {
      if (thread == 1) stay_on(cpus[0]);
    });
    int of_worker = -1;
    team->run([&](int thread) {
      if (thread == 1) of_worker = sched_getcpu();
    });
    EXPECT_NE(of_worker, cpus[0]);
    EXPECT_EQ(sched_getcpu(), cpus[0]);
  })
      .join();
}

TEST(ThreadTeam, FlushesDenormalsInEveryThreadAndRestoresTheCaller) {
  const bool before = denormals_flushed();
  for (const bool flush : {true, false}) {
    const auto team = make_team(3, {.flush_denormals = flush});
    int flushed[3] = {};
    team->run([&](int thread) { flushed[thread] = denormals_flushed(); });
    for (const int f : flushed) EXPECT_EQ(f, flush);
    EXPECT_EQ(denormals_flushed(), before);
  }
}

TEST(ThreadTeam, RefusesAbsurdSizes) {
  for (const int threads : {-1, ThreadTeam::kMaxThreads + 1}) {
    const auto team = ThreadTeam::create({.threads = threads});
    ASSERT_FALSE(team.ok());
    EXPECT_EQ(team.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST(SplitUnits, CoversAllUnitsInOrder) {
  for (int64_t units = 0; units < 20; ++units) {
    for (int threads = 1; threads < 6; ++threads) {
      int64_t at = 0;
      for (int thread = 0; thread < threads; ++thread) {
        const UnitRange r = split_units(units, thread, threads);
        EXPECT_EQ(r.begin, at);
        EXPECT_GE(r.end - r.begin, units / threads);
        EXPECT_LE(r.end - r.begin, units / threads + 1);
        at = r.end;
      }
      EXPECT_EQ(at, units);
    }
  }
}

TEST(FlushDenormals, MakesTinyResultsZero) {
  volatile float tiny = 1e-38f, tenth = 0.1f;
  EXPECT_NE(tiny * tenth, 0.0f);
  {
    const FlushDenormals flush;
    if (!denormals_flushed()) GTEST_SKIP() << "this processor has no such mode";
    EXPECT_EQ(tiny * tenth, 0.0f);
  }
  EXPECT_NE(tiny * tenth, 0.0f);
}

}  // namespace
}  // namespace cycloid
