#include "plan/schedule.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace cycloid {
namespace {

struct NoStep final : Step {
  void run(const StepContext&, std::int64_t, std::int64_t) const override {}
};

// A step with this name that reads and writes these buffers.
PlannedStep step(std::string name, const std::vector<std::uint32_t>& reads, const std::vector<std::uint32_t>& writes,
                 double cost = 1000, std::int64_t units = 8) {
  PlannedStep planned;
  planned.step = std::make_unique<NoStep>();
  planned.info.node = std::move(name);
  for (const std::uint32_t b : reads) planned.uses.push_back({.buffer = BufferId{b}});
  for (const std::uint32_t b : writes) planned.uses.push_back({.buffer = BufferId{b}, .write = true});
  planned.cost = cost;
  planned.units = units;
  return planned;
}

// Branches one after the other, each a chain of steps from buffer 0.
Plan branches(int count, int length, int threads, double cost) {
  Plan plan;
  plan.threads = threads;
  plan.buffers.resize(1 + static_cast<std::size_t>(count) * static_cast<std::size_t>(length));
  for (int b = 0; b < count; ++b) {
    for (int i = 0; i < length; ++i) {
      const auto at = static_cast<std::uint32_t>(1 + b * length + i);
      plan.steps.push_back(step(std::to_string(b) + "." + std::to_string(i), {i == 0 ? 0 : at - 1}, {at}, cost));
    }
  }
  return plan;
}

TEST(Schedule, ShortStepsOfIndependentBranchesRunSideBySide) {
  Plan plan = branches(2, 5, 2, 10'000);
  schedule(plan);
  ASSERT_EQ(plan.stages.size(), 5);
  for (const Stage& stage : plan.stages) EXPECT_EQ(stage.end - stage.begin, 2);
  EXPECT_EQ(plan.steps[0].info.node, "0.0");
  EXPECT_EQ(plan.steps[1].info.node, "1.0");
}

TEST(Schedule, LongStepsStayInOrder) {
  Plan plan = branches(2, 3, 2, 1e6);
  schedule(plan);
  std::vector<std::string> names;
  for (const PlannedStep& planned : plan.steps) names.push_back(planned.info.node);
  EXPECT_EQ(names, (std::vector<std::string>{"0.0", "0.1", "0.2", "1.0", "1.1", "1.2"}));
  EXPECT_EQ(plan.stages.size(), 5);  // 0.2 and 1.0 follow each other and are independent
}

TEST(Schedule, LongStepsThatCannotBeSharedRunSideBySide) {
  Plan plan = branches(2, 3, 2, 1e6);
  for (PlannedStep& planned : plan.steps) planned.units = 1;
  schedule(plan);
  EXPECT_EQ(plan.stages.size(), 3);
}

TEST(Schedule, OneThreadKeepsTheOrderOfTheGraph) {
  Plan plan = branches(3, 4, 1, 1000);
  schedule(plan);
  for (std::size_t s = 0; s < plan.steps.size(); ++s)
    EXPECT_EQ(plan.steps[s].info.node, std::to_string(s / 4) + "." + std::to_string(s % 4));
}

// The units of a step that a thread computes.
std::int64_t share_of(const Plan& plan, std::size_t thread, std::uint32_t step) {
  std::int64_t units = 0;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    for (const Work& work : plan.work[i * static_cast<std::size_t>(plan.threads) + thread])
      units += work.step == step ? work.end - work.begin : 0;
  }
  return units;
}

TEST(Schedule, StepsThatReadTheSameAreEachCutForAllThreads) {
  Plan plan;
  plan.threads = 2;
  plan.buffers.resize(4);
  plan.steps.push_back(step("maker", {0}, {1}, 30'000));
  plan.steps.push_back(step("a", {1}, {2}, 30'000, 3));
  plan.steps.push_back(step("b", {1}, {3}, 60'000, 60));
  schedule(plan);
  ASSERT_EQ(plan.stages.size(), 2);
  EXPECT_EQ(share_of(plan, 0, 1), 2);
  EXPECT_EQ(share_of(plan, 0, 2), 25);  // and so much less as it has more of the other
  plan.steps[2].uses[0].buffer = BufferId{0};
  schedule(plan);
  EXPECT_EQ(share_of(plan, 0, 1), 3);
  EXPECT_EQ(share_of(plan, 0, 2), 15);
}

// What the cuts of one step owe the next must not let two threads' ranges of a step that costs less overlap.
TEST(Schedule, UnitsAreDoneOnceWhereStepsThatReadTheSameDifferInCost) {
  Plan plan;
  plan.threads = 3;
  plan.buffers.resize(4);
  plan.steps.push_back(step("maker", {0}, {1}, 30'000));
  plan.steps.push_back(step("coarse", {1}, {2}, 60'000, 4));
  plan.steps.push_back(step("fine", {1}, {3}, 1'000, 9));
  schedule(plan);
  ASSERT_EQ(plan.stages.size(), 2);
  std::vector<int> times(9);
  for (const std::vector<Work>& share : plan.work) {
    for (const Work& work : share) {
      for (std::int64_t unit = work.begin; work.step == 2 && unit < work.end; ++unit)
        ++times[static_cast<std::size_t>(unit)];
    }
  }
  EXPECT_EQ(times, std::vector<int>(9, 1));
}

// A step whose ranges cost much beside their units stays in one piece, and goes before what is cut up.
TEST(Schedule, TheLastPiecesAreShort) {
  Plan plan;
  plan.threads = 2;
  plan.buffers.resize(3);
  plan.steps.push_back(step("fine", {0}, {1}, 80'000, 64));
  plan.steps.push_back(step("whole", {0}, {2}, 80'000, 64));
  plan.steps[1].range_cost = 10'000;
  schedule(plan);
  ASSERT_EQ(plan.stages.size(), 1);
  for (const std::vector<Work>& work : plan.work) {
    ASSERT_GT(work.size(), 2);
    EXPECT_EQ(work.front().step, 1);
    for (std::size_t i = 1; i < work.size(); ++i) EXPECT_EQ(work[i].step, 0) << i;
    for (std::size_t i = 2; i < work.size(); ++i) EXPECT_EQ(work[i].begin, work[i - 1].end) << i;
  }
}

// Random steps over few buffers: whatever touches what another step writes stays before or after it, and every unit of every
// step is done once.
TEST(Schedule, StepsThatConflictKeepTheirOrder) {
  std::mt19937 random(3);
  const auto pick = [&](int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(random); };
  for (int round = 0; round < 1000; ++round) {
    Plan plan;
    plan.threads = pick(1, 8);
    plan.buffers.resize(8);
    std::vector<std::vector<BufferUse>> uses;
    for (int s = 0, count = pick(1, 25); s < count; ++s) {
      // One after the other: compilers differ in the order in which they evaluate arguments.
      const auto reads = static_cast<std::uint32_t>(pick(0, 7)), writes = static_cast<std::uint32_t>(pick(0, 7));
      const double cost = pick(1, 60) * 1000;
      plan.steps.push_back(step(std::to_string(s), {reads}, {writes}, cost, pick(1, 9)));
      uses.push_back(plan.steps.back().uses);
    }
    schedule(plan);
    ASSERT_EQ(plan.steps.size(), uses.size());
    std::vector<int> stage(uses.size());
    std::map<std::uint32_t, std::int64_t> units;
    for (const PlannedStep& planned : plan.steps)
      stage[static_cast<std::size_t>(std::stoi(planned.info.node))] = planned.info.stage;
    for (std::size_t b = 0; b < uses.size(); ++b) {
      for (std::size_t a = 0; a < b; ++a) {
        for (const BufferUse& x : uses[a]) {
          for (const BufferUse& y : uses[b]) {
            if (conflicts(x, y)) {
              ASSERT_LT(stage[a], stage[b]) << a << " and " << b;
            }
          }
        }
      }
    }
    for (const std::vector<Work>& share : plan.work) {
      for (const Work& work : share) units[work.step] += work.end - work.begin;
    }
    for (std::uint32_t s = 0; s < plan.steps.size(); ++s) EXPECT_EQ(units[s], plan.steps[s].units);
  }
}

}  // namespace
}  // namespace cycloid
