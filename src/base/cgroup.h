// How many processors this process may really use: its affinity mask, bounded by the quota of its control group.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace cycloid {

// The processors in the affinity mask of the calling thread, ascending; never empty.
std::vector<int> allowed_cpus();

// Processors' worth of time per period that the process's control group (version 1 or 2) and its parents allow, or
// nothing where there is no limit. `root` stands for "/" and is there for tests.
std::optional<double> cgroup_cpu_quota(const std::filesystem::path& root = "/");

// The number of threads that can run at once: the smaller of allowed_cpus() and the quota rounded up; at least 1.
// Reads files: call it when planning, not when running.
int usable_cpus();

}  // namespace cycloid
