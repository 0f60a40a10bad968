#include "base/cgroup.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace cycloid {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> read_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) return std::nullopt;
  return line;
}

// "max 100000" or "150000 100000" (microseconds per period).
std::optional<double> parse_v2(const std::string& line) {
  std::istringstream in(line);
  double quota = 0, period = 0;
  if (!(in >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

std::optional<double> read_v1(const fs::path& folder) {
  const auto quota = read_line(folder / "cpu.cfs_quota_us"), period = read_line(folder / "cpu.cfs_period_us");
  if (!quota || !period) return std::nullopt;
  return parse_v2(*quota + " " + *period);
}

std::optional<double> read_v2(const fs::path& folder) {
  const auto line = read_line(folder / "cpu.max");
  return line ? parse_v2(*line) : std::nullopt;
}

// The least quota of `group` and its parents below `mount`. A container may see its own group as the mount itself, so
// folders that do not exist are skipped.
template <class Read>
std::optional<double> least_quota(const fs::path& mount, const fs::path& group, Read read) {
  std::optional<double> least;
  fs::path folder = group.relative_path();
  while (true) {
    if (const auto quota = read(mount / folder)) least = std::min(least.value_or(*quota), *quota);
    if (folder.empty()) return least;
    folder = folder.parent_path();
  }
}

bool names_cpu_controller(std::string_view controllers) {
  while (!controllers.empty()) {
    const size_t comma = controllers.find(',');
    if (controllers.substr(0, comma) == "cpu") return true;
    if (comma == std::string_view::npos) return false;
    controllers.remove_prefix(comma + 1);
  }
  return false;
}

}  // namespace

std::vector<int> allowed_cpus() {
  // The kernel refuses a mask smaller than its own, so grow it until it fits.
  for (int bits = 1024; bits <= 1 << 20; bits *= 4) {
    cpu_set_t* set = CPU_ALLOC(bits);
    if (set == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(bits);
    CPU_ZERO_S(bytes, set);
    std::vector<int> cpus;
    if (sched_getaffinity(0, bytes, set) == 0) {
      for (int cpu = 0; cpu < bits; ++cpu) {
        if (CPU_ISSET_S(cpu, bytes, set)) cpus.push_back(cpu);
      }
    }
    CPU_FREE(set);
    if (!cpus.empty()) return cpus;
  }
  std::vector<int> all(std::max(1u, std::thread::hardware_concurrency()));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  return all;
}

std::optional<double> cgroup_cpu_quota(const std::filesystem::path& root) {
  std::ifstream groups(root / "proc/self/cgroup");
  std::optional<double> least;
  std::string line;
  while (std::getline(groups, line)) {  // "hierarchy:controllers:path"; version 2 has no controllers
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    std::optional<double> quota;
    if (controllers.empty()) {
      quota = least_quota(root / "sys/fs/cgroup", path, read_v2);
    } else if (names_cpu_controller(controllers)) {
      quota = least_quota(root / "sys/fs/cgroup/cpu", path, read_v1);
      if (!quota) quota = least_quota(root / "sys/fs/cgroup/cpu,cpuacct", path, read_v1);
    }
    if (quota) least = std::min(least.value_or(*quota), *quota);
  }
  return least;
}

int usable_cpus() {
  const int cpus = static_cast<int>(allowed_cpus().size());
  const auto quota = cgroup_cpu_quota();
  if (!quota) return cpus;
  return std::clamp(static_cast<int>(std::ceil(std::min(*quota, 1e6))), 1, cpus);
}

}  // namespace cycloid
