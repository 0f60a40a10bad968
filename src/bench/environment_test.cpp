#include "bench/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/temporary_folder.h"

namespace cycloid {
namespace {

using testing::ElementsAre;

class EnvironmentFiles : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = std::filesystem::path(folder_.path()) / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  TemporaryFolder folder_ = TemporaryFolder::create().value();
};

TEST_F(EnvironmentFiles, ReadsAMachineWithHyperThreadsAndAGovernor) {
  write("proc/cpuinfo",
        "processor\t: 0\nmodel name\t: Fast CPU @ 9 GHz\nflags\t\t: fpu sse4_2 avx2 fma secret avx512f\n\nprocessor : "
        "1\nmodel name : other\n");
  write("proc/meminfo", "MemTotal:       2097152 kB\nMemFree: 1 kB\n");
  write("etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
  const std::string cpus = "sys/devices/system/cpu/";
  write(cpus + "online", "0-3\n");
  for (int i = 0; i < 4; ++i)
    write(cpus + "cpu" + std::to_string(i) + "/topology/core_cpus_list", i < 2 ? "0-1\n" : "2-3\n");
  write(cpus + "cpu0/cache/index0/level", "1\n");
  write(cpus + "cpu0/cache/index0/type", "Data\n");
  write(cpus + "cpu0/cache/index0/size", "32K\n");
  write(cpus + "cpu0/cpufreq/scaling_governor", "powersave\n");
  write(cpus + "intel_pstate/no_turbo", "1\n");
  const Environment e = read_environment(folder_.path());
  EXPECT_EQ(e.cpu_model, "Fast CPU @ 9 GHz");
  EXPECT_THAT(e.isa, ElementsAre("sse4_2", "avx2", "fma", "avx512f"));
  EXPECT_EQ(e.cpus_online, 4);
  EXPECT_EQ(e.cores_online, 2);
  EXPECT_EQ(e.caches.at("L1d"), "32K");
  EXPECT_EQ(e.governor, "powersave");
  EXPECT_EQ(e.turbo, false);
  EXPECT_FALSE(e.hypervisor);
  EXPECT_EQ(e.memory_mb, 2048);
  EXPECT_EQ(e.os, "Debian GNU/Linux 12 (bookworm)");
}

TEST_F(EnvironmentFiles, AnEmptySystemIsNoFailure) {
  const Environment e = read_environment(folder_.path());
  EXPECT_EQ(e.cpu_model, "");
  EXPECT_EQ(e.governor, "");
  EXPECT_FALSE(e.turbo);
  EXPECT_EQ(read_load(folder_.path()).total_ticks, 0);
}

TEST_F(EnvironmentFiles, ReadsLoadAndStolenTime) {
  write("proc/loadavg", "1.50 2.25 3.00 1/100 999\n");
  write("proc/stat", "cpu  100 0 50 800 10 0 0 40 7 7\ncpu0 1 2 3\n");
  const LoadState before = read_load(folder_.path());
  EXPECT_THAT(before.load_average, ElementsAre(1.5, 2.25, 3.0));
  EXPECT_EQ(before.total_ticks, 1000);
  write("proc/stat", "cpu  150 0 50 820 10 0 0 70 9 9\n");
  EXPECT_DOUBLE_EQ(steal_share(before, read_load(folder_.path())), 0.3);
  EXPECT_EQ(steal_share(before, before), 0);
}

TEST(Environment, OfThisMachineIsFilledIn) {
  ::setenv("OMP_CYCLOID_TEST", "7", 1);
  ::setenv("CYCLOID_TEST_SECRET", "hidden", 1);
  const Environment e = read_environment();
  EXPECT_GE(e.cpus_online, 1);
  EXPECT_GE(e.usable_cpus, 1);
  EXPECT_FALSE(e.allowed_cpus.empty());
  EXPECT_FALSE(e.kernel.empty());
  EXPECT_EQ(e.variables.at("OMP_CYCLOID_TEST"), "7");
  EXPECT_FALSE(e.variables.contains("CYCLOID_TEST_SECRET"));
}

}  // namespace
}  // namespace cycloid
