#include "base/work_bounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace cycloid {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

TEST(StopSignal, FailsOnceTheTimeIsUpAndEverAfter) {
  StopSignal signal({.timeout_ms = 5});
  while (signal.check().ok()) std::this_thread::sleep_for(1ms);
  const Status status = signal.check();
  EXPECT_EQ(status.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_THAT(status.error().message(), HasSubstr("after 5 ms"));
  EXPECT_FALSE(StopSignal({}).has_deadline());
  EXPECT_TRUE(StopSignal({.timeout_ms = std::numeric_limits<double>::max()}).check().ok());  // no overflow of the clock
}

TEST(StopSignal, AsksTheCallerOnItsOwnThreadOnly) {
  int questions = 0;
  bool wish = false;
  const std::function<bool()> interrupted = [&] { return ++questions, wish; };
  StopSignal signal({.interrupted = &interrupted});
  std::this_thread::sleep_for(StopSignal::kAskEvery + 1ms);
  std::thread([&] { EXPECT_TRUE(signal.check().ok()); }).join();
  EXPECT_EQ(questions, 0);
  EXPECT_TRUE(signal.check().ok());
  EXPECT_TRUE(signal.check().ok());  // not asked again so soon
  EXPECT_EQ(questions, 1);
  wish = true;
  std::this_thread::sleep_for(StopSignal::kAskEvery + 1ms);
  EXPECT_EQ(signal.check().error().code(), ErrorCode::kFailed);
  std::thread([&] { EXPECT_FALSE(signal.check().ok()); }).join();
}

TEST(MemoryBudget, CountsForItsParentsToo) {
  const auto outer = std::make_shared<MemoryBudget>(100);
  MemoryBudget inner(80, outer);
  EXPECT_TRUE(inner.take(60));
  EXPECT_FALSE(inner.take(30));
  EXPECT_EQ(inner.left(), 20U);
  EXPECT_TRUE(outer->take(30));
  EXPECT_EQ(inner.left(), 10U);
  EXPECT_FALSE(inner.take(15));  // within its own limit, beyond the outer one; nothing is taken
  EXPECT_EQ(outer->left(), 10U);
  EXPECT_FALSE(inner.take(SIZE_MAX));
  EXPECT_TRUE(inner.check().ok());
  inner.force(30);
  EXPECT_EQ(inner.check().error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(inner.left(), 0U);
  inner.give_back(90);
  EXPECT_EQ(outer->left(), 70U);
}

TEST(BoundsScope, Nests) {
  EXPECT_EQ(work_bounds(), nullptr);
  EXPECT_TRUE(check_stop().ok());
  StopSignal signal({.timeout_ms = 1e-6});
  const WorkBounds bounds{.stop = &signal}, none;
  {
    const BoundsScope scope(bounds);
    EXPECT_FALSE(check_stop().ok());
    {
      const BoundsScope inner(none);
      EXPECT_TRUE(check_stop().ok());
    }
    EXPECT_TRUE(stopping());
    std::thread([] { EXPECT_TRUE(check_stop().ok()); }).join();  // in force on one thread
  }
  EXPECT_EQ(work_bounds(), nullptr);
}

}  // namespace
}  // namespace cycloid
