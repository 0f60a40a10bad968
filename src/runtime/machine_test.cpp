#include "runtime/machine.h"

#include <gtest/gtest.h>

namespace cycloid {
namespace {

// Numbers that are easy to compute with: 100 operations and, from near to far, 40, 20 and 10 bytes a second.
MachineLimits sample_machine() {
  return {.threads = 1, .flops = 100, .levels = {{"L1", 10, 40}, {"L2", 100, 20}, {"memory", 0, 10}}};
}

TEST(Roofline, IsTheLongerOfComputingAndMoving) {
  const MachineLimits machine = sample_machine();
  const Roofline computing = roofline(machine, 1000, 80);  // 10 s beside 80 / 20
  EXPECT_EQ(computing.seconds, 10);
  EXPECT_EQ(computing.bound, "arithmetic");
  const Roofline near = roofline(machine, 1, 8);
  EXPECT_EQ(near.seconds, 8.0 / 40);
  EXPECT_EQ(near.bound, "L1");
  const Roofline far = roofline(machine, 1000, 1000);  // more than any level holds
  EXPECT_EQ(far.seconds, 100);
  EXPECT_EQ(far.bound, "memory");
}

TEST(Roofline, ReadsWeightsFromTheLevelThatHoldsAllOfThem) {
  StepInfo step;
  step.flops = 400;
  step.arithmetic = 100;
  step.bytes = 60;
  step.constant_bytes = 20;
  PlanInfo plan;
  plan.steps = {step, step};
  plan.constant_bytes = 1000;
  const MachineLimits machine = sample_machine();
  EXPECT_EQ(roofline(machine, step, plan.constant_bytes, true).seconds, 4);    // 400 operations
  const Roofline least = roofline(machine, step, plan.constant_bytes, false);  // 1 s, 40 / 20 and 20 / 10
  EXPECT_EQ(least.seconds, 2);
  EXPECT_EQ(least.bound, "L2");
  step.constant_bytes = 40;
  EXPECT_EQ(roofline(machine, step, plan.constant_bytes, false).bound, "memory");  // 20 / 20 and 40 / 10
  EXPECT_EQ(roofline_seconds(machine, plan, true), 8);
  EXPECT_EQ(roofline_seconds(machine, plan, false), 4);
}

TEST(MachineLimits, AreMeasuredForEveryLevelAndThread) {
  const Result<MachineLimits> machine = measure_limits(cpu_info().best_isa, 2, false);
  ASSERT_TRUE(machine.ok()) << machine.error().message();
  EXPECT_EQ(machine->threads, 2);
  EXPECT_GT(machine->flops, 0);
  ASSERT_EQ(machine->levels.size(), 3U);
  EXPECT_EQ(machine->levels[0].name, "L1");
  EXPECT_EQ(machine->levels[1].bytes, 2.0 * static_cast<double>(cpu_info().l2_bytes));
  for (const MachineLimits::Level& level : machine->levels) EXPECT_GT(level.bytes_per_second, 0) << level.name;
}

}  // namespace
}  // namespace cycloid
