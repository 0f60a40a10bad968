#include "plan/memory.h"

#include <gtest/gtest.h>

#include <random>

#include "plan/schedule.h"

namespace cycloid {
namespace {

TEST(AssignOffsets, BlocksThatLiveAtTheSameTimeNeverOverlap) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> blocks(1 + random() % 40);
    for (Lifetime& block : blocks) {
      block.bytes = random() % 5 == 0 ? 0 : random() % 1000;
      block.first = random() % 20;
      block.last = block.first + random() % 5;
    }
    const MemoryLayout layout = assign_offsets(blocks, 64);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      EXPECT_EQ(layout.offsets[i] % 64, 0U);
      EXPECT_LE(layout.offsets[i] + blocks[i].bytes, layout.bytes);
      for (std::size_t j = 0; j < i; ++j) {
        if (blocks[i].bytes == 0 || blocks[j].bytes == 0) continue;
        const bool same_time = blocks[i].first <= blocks[j].last && blocks[j].first <= blocks[i].last;
        const bool overlap = layout.offsets[i] < layout.offsets[j] + blocks[j].bytes &&
                             layout.offsets[j] < layout.offsets[i] + blocks[i].bytes;
        EXPECT_FALSE(same_time && overlap) << "blocks " << i << " and " << j << " in round " << round;
      }
    }
  }
}

TEST(AssignOffsets, ReusesMemoryOfTheDead) {
  // A chain in which two neighbours live at once needs the two largest neighbours, no more.
  const std::vector<Lifetime> chain = {{640, 0, 1}, {640, 1, 2}, {640, 2, 3}, {640, 3, 4}};
  EXPECT_EQ(assign_offsets(chain, 64).bytes, 1280U);
}

PlannedStep step(std::vector<BufferUse> uses, std::int64_t units, double cost) {
  PlannedStep made;
  made.uses = std::move(uses);
  made.units = units;
  made.cost = cost;
  return made;
}

TEST(Schedule, SlicesOfOneBufferMayBeWrittenAtOnce) {
  const BufferUse left{.buffer = {0}, .write = true, .begin = 0, .end = 8, .pitch = 16};
  const BufferUse right{.buffer = {0}, .write = true, .begin = 8, .end = 16, .pitch = 16};
  const BufferUse whole{.buffer = {0}};
  EXPECT_FALSE(conflicts(left, right));
  EXPECT_TRUE(conflicts(left, left));
  EXPECT_TRUE(conflicts(left, whole));
  EXPECT_FALSE(conflicts(whole, whole)) << "two reads";

  Plan plan;
  plan.threads = 2;
  plan.buffers.resize(2);
  plan.steps.push_back(step({left}, 10, 10000));
  plan.steps.push_back(step({right}, 10, 10000));
  plan.steps.push_back(step({whole, {.buffer = {1}, .write = true}}, 10, 10000));
  schedule(plan);
  ASSERT_EQ(plan.stages.size(), 2U);
  EXPECT_EQ(plan.stages[0].end, 2U);
  EXPECT_TRUE(plan.stages[0].shared);
  // 20 us for two threads in pieces of at least 4 us and about an eighth: 2 of each share's 10 us.
  EXPECT_EQ(plan.pieces[0], 4U);
  EXPECT_EQ(plan.work[0].size(), 2U);
  EXPECT_EQ(plan.work[1].size(), 2U);
}

TEST(Schedule, SmallStagesAreNotShared) {
  Plan plan;
  plan.threads = 2;
  plan.buffers.resize(1);
  for (int i = 0; i < 3; ++i) plan.steps.push_back(step({{.buffer = {0}, .write = true}}, 4, 10));
  schedule(plan);
  ASSERT_EQ(plan.stages.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(plan.stages[i].shared);
    EXPECT_EQ(plan.pieces[i], 1U);
    EXPECT_EQ(plan.work[2 * i].size(), 1U);
    EXPECT_TRUE(plan.work[2 * i + 1].empty());
  }
}

TEST(ShareWork, GivesEachUnitToOneThreadAndBalancesCost) {
  std::mt19937 random(2);
  for (int round = 0; round < 300; ++round) {
    std::vector<PlannedStep> steps;
    const std::size_t count = 1 + random() % 5;
    double total = 0;
    for (std::size_t i = 0; i < count; ++i) {
      steps.push_back(step({}, 1 + static_cast<std::int64_t>(random() % 50), static_cast<double>(random() % 1000)));
      total += steps.back().cost;
    }
    const int threads = 1 + static_cast<int>(random() % 8);
    std::vector<std::vector<int>> seen(count);
    double coarsest = 0;
    for (std::size_t i = 0; i < count; ++i) {
      seen[i].assign(static_cast<std::size_t>(steps[i].units), 0);
      coarsest += steps[i].cost / static_cast<double>(steps[i].units);
    }
    const std::vector<std::vector<Work>> shares =
        share_work(steps, {0, static_cast<std::uint32_t>(count), false}, threads);
    ASSERT_EQ(shares.size(), static_cast<std::size_t>(threads));
    for (const std::vector<Work>& share : shares) {
      double cost = 0;
      for (const Work& work : share) {
        for (std::int64_t unit = work.begin; unit < work.end; ++unit) ++seen[work.step][static_cast<std::size_t>(unit)];
        cost += steps[work.step].cost * static_cast<double>(work.end - work.begin) /
                static_cast<double>(steps[work.step].units);
      }
      // Each cut is rounded to a unit of the step it falls into, at both ends.
      EXPECT_LE(cost, total / threads + coarsest + 1e-6);
    }
    for (const std::vector<int>& step_seen : seen) {
      for (const int times : step_seen) EXPECT_EQ(times, 1);
    }
  }
}

}  // namespace
}  // namespace cycloid
