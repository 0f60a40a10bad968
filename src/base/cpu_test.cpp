#include "base/cpu.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/cgroup.h"

namespace cycloid {
namespace {

TEST(Cpu, ScalarIsAlwaysAvailable) {
  EXPECT_TRUE(isa_available(Isa::kScalar));
  EXPECT_GT(cpu_info().l1d_bytes, 0);
  EXPECT_GT(cpu_info().l2_bytes, 0);
  EXPECT_FALSE(cpu_info().brand.empty());
}

TEST(Cpu, ParsesNames) {
  EXPECT_EQ(*parse_isa("scalar"), Isa::kScalar);
  EXPECT_EQ(*parse_isa(""), cpu_info().best_isa);
  const auto unknown = parse_isa("sse9");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message(), "unknown instruction set 'sse9'; use scalar, avx2 or avx512");
  for (const Isa isa : kAllIsas) EXPECT_EQ(parse_isa(to_string(isa)).ok(), isa_available(isa));
}

TEST(Cpu, TheEnvironmentOverrides) {
  ASSERT_EQ(setenv("CYCLOID_ISA", "scalar", 1), 0);
  EXPECT_EQ(*choose_isa(), Isa::kScalar);
  ASSERT_EQ(setenv("CYCLOID_ISA", "mmx", 1), 0);
  EXPECT_FALSE(choose_isa());
  ASSERT_EQ(unsetenv("CYCLOID_ISA"), 0);
  EXPECT_EQ(*choose_isa(), cpu_info().best_isa);
}

class Cgroup : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "cgroup_test_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::filesystem::path root_;
};

TEST_F(Cgroup, NoFilesMeanNoLimit) { EXPECT_EQ(cgroup_cpu_quota(root_), std::nullopt); }

TEST_F(Cgroup, Version2TakesTheLeastOfTheParents) {
  write("proc/self/cgroup", "0::/a/b\n");
  write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_cpu_quota(root_), std::nullopt);
  write("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  EXPECT_EQ(cgroup_cpu_quota(root_), 1.5);
  write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(cgroup_cpu_quota(root_), 0.5);
}

TEST_F(Cgroup, Version1) {
  write("proc/self/cgroup", "3:memory:/x\n2:cpu,cpuacct:/x\n");
  write("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpu_quota(root_), std::nullopt);
  write("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "300000\n");
  EXPECT_EQ(cgroup_cpu_quota(root_), 3.0);
}

TEST_F(Cgroup, GarbageMeansNoLimit) {
  write("proc/self/cgroup", "nonsense\n0::/\n");
  write("sys/fs/cgroup/cpu.max", "lots of it\n");
  EXPECT_EQ(cgroup_cpu_quota(root_), std::nullopt);
}

TEST(UsableCpus, IsWithinTheAffinityMask) {
  EXPECT_GE(usable_cpus(), 1);
  EXPECT_LE(usable_cpus(), static_cast<int>(allowed_cpus().size()));
}

}  // namespace
}  // namespace cycloid
