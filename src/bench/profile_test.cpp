#include "bench/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace cycloid {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// Two steps on two threads: the first shared 3 to 1, the second done by thread 0 alone. A name that is not UTF-8.
Profile sample_profile() {
  Profile profile;
  profile.plan.threads = 2;
  StepInfo conv;
  conv.node = "conv\xff";
  conv.op = "Conv+Relu";
  conv.kernel = "conv.igemm.avx512";
  conv.shape = "[1, 8, 4, 4]";
  conv.flops = 4e6;
  conv.arithmetic = 1e6;
  conv.bytes = 3e4;
  conv.constant_bytes = 1e4;
  profile.plan.steps = {conv, conv};
  profile.plan.steps[1].op = "MaxPool";
  profile.plan.steps[1].kernel = "pool.avx512";
  profile.plan.steps[1].flops = profile.plan.steps[1].arithmetic = 0;
  profile.plan.steps[1].bytes = 1.5e4;
  profile.isa = "avx512";
  profile.runs = 3;
  profile.run_us = 50;
  profile.waiting_us = 40;
  profile.machine = {.threads = 2, .flops = 2e11, .levels = {{"L2", 1e9, 1e9}}};
  profile.slow_run_us = 12;
  profile.steps = {{30, 40, 7}, {20, 20, 4}};
  profile.trace = {{0, 0, 1000, 31000}, {0, 1, 1000, 11000}, {1, 0, 31000, 51000}};
  return profile;
}

TEST(ProfileTable, ComputesRatesSharesAndUnevenness) {
  const std::string text = profile_table("model", sample_profile());
  // 4 MFLOP in 30 us are 133.3 GFLOP/s; in 40 us of processor time at 100 GFLOP/s they are all of the peak; 30 kB are
  // 1 GB/s; 30 us where 20 would do are 1.5. At 1 GB/s the 20 kB that are not weights take 20 us, the 10 kB of weights 10.
  EXPECT_THAT(text, HasSubstr("    30.0   60.0     4.00    133.3  100.0     1.0     20.0    1.50      7.0  conv"));
  EXPECT_THAT(text, HasSubstr("    20.0   40.0     0.00      0.0    0.0     0.8     10.0    2.00      4.0  conv"));
  EXPECT_THAT(text, HasSubstr("40.0 us of 100.0 us of processor time (40.0 %)"));
}

TEST(ProfileTable, SaysWhereTheTimeBeyondTheRooflineGoes) {
  Profile profile = sample_profile();
  profile.machine.levels[0].bytes_per_second = 1e10;  // 2 and 1 us: the arithmetic of 4 MFLOP takes 20, of 1 MFLOP 5
  const std::string text = profile_table("model", profile);
  EXPECT_THAT(text, HasSubstr("roofline: 21.0 us with direct convolution (42 % of the run), 6.0 us with these kernels' "
                              "arithmetic (12 %)\nbeyond it, 44.0 us of the run:\n"));
  EXPECT_THAT(text, HasSubstr("       25.0 us   50.0 %  conv.igemm.avx512 (1 step, 30.0 us where 5.0 would do)\n"
                              "       19.0 us   38.0 %  pool.avx512 (1 step, 20.0 us where 1.0 would do)\n"
                              "        0.0 us    0.0 %  between steps: meeting, waiting, interruptions\n"));
}

TEST(ProfileTable, SaysWhereSlowRunsAreSlower) {
  EXPECT_THAT(profile_table("model", sample_profile()),
              HasSubstr("slow runs (the slowest tenth) take 12.0 us (24.0 %) more than usual ones:\n"
                        "        7.0 us   23.3 % of its time  conv.igemm.avx512\n"
                        "        4.0 us   20.0 % of its time  pool.avx512\n"
                        "        1.0 us                      between steps\n"));
}

TEST(TimeByKernel, AddsUpStepsAndSortsByWhatIsBeyondTheRoofline) {
  Profile profile = sample_profile();
  profile.plan.steps.push_back(profile.plan.steps[1]);
  profile.steps.push_back({70, 70, 5});
  const std::vector<KernelTime> kernels = time_by_kernel(profile);
  ASSERT_EQ(kernels.size(), 2U);
  EXPECT_EQ(kernels[0].kernel, "pool.avx512");
  EXPECT_EQ(kernels[0].steps, 2);
  EXPECT_EQ(kernels[0].us, 90);
  EXPECT_EQ(kernels[0].slow_us, 9);
  EXPECT_NEAR(kernels[0].least_us, 20, 1e-9);  // 10 kB at 1 GB/s, twice
  EXPECT_EQ(kernels[1].us, 30);
}

TEST(ProfileTrace, HasAProcessForEachProfileAndALineForEachThread) {
  const Profile profile = sample_profile();
  const json trace = json::parse(profile_trace({{"a", &profile}, {"b", &profile}}));
  int names = 0, spans = 0;
  for (const json& event : trace["traceEvents"]) {
    names += event["ph"] == "M" ? 1 : 0;
    if (event["ph"] != "X") continue;
    ++spans;
    EXPECT_GE(event["dur"].get<double>(), 10.0);
  }
  EXPECT_EQ(names, 2 * (1 + 2));
  EXPECT_EQ(spans, 2 * 3);
  const json& last = trace["traceEvents"].back();
  EXPECT_EQ(last["name"], "MaxPool");
  EXPECT_EQ(last["pid"], 2);
  EXPECT_EQ(last["tid"], 1);
  EXPECT_DOUBLE_EQ(last["ts"], 31.0);
  EXPECT_DOUBLE_EQ(last["dur"], 20.0);
}

}  // namespace
}  // namespace cycloid
