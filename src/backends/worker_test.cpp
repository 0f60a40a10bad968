#include "backends/worker.h"

#include <gtest/gtest.h>
#include <time.h>

#include <atomic>
#include <thread>

namespace cycloid {
namespace {

std::int64_t own_cpu_time_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

// A thread that spins tells by its own clock how much it computes: whenever the process is said to be at rest, that was
// next to nothing. On a busy machine the system may really keep it from running for a while.
TEST(WaitForThreadsToRest, ASpinningThreadIsNotAtRest) {
  std::atomic<bool> stop{false};
  std::atomic<std::int64_t> used{0};
  std::thread spinner([&] {
    while (!stop) used = own_cpu_time_ns();
  });
  int judged = 0;
  for (int i = 0; i < 60; ++i) {
    const std::int64_t before = used;
    const bool at_rest = wait_for_threads_to_rest(1);  // one look of 2 ms
    const std::int64_t computed = used - before;
    judged += computed > 1'000'000 ? 1 : 0;
    if (at_rest) EXPECT_LT(computed, 500'000) << "ns of computing were not seen";
  }
  stop = true;
  spinner.join();
  if (judged == 0) GTEST_SKIP() << "the machine is too busy: the thread hardly ever ran";
}

TEST(WaitForThreadsToRest, ComesToRestAtOnceWhereNothingRuns) { EXPECT_TRUE(wait_for_threads_to_rest(1000)); }

}  // namespace
}  // namespace cycloid
