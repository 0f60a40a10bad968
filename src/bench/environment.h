// The machine and the state it was in: what a reader needs in order to judge a measurement.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cycloid {

// What was read; nothing is set. Fields that the system does not tell are empty.
struct Environment {
  std::string cpu_model;
  std::vector<std::string> isa;  // the extensions that matter for numeric code: "avx2", "fma", "avx512f", ...
  int cpus_online = 0;           // logical processors
  int cores_online = 0;          // physical ones, as far as the system tells
  std::map<std::string, std::string> caches;  // "L1d" -> "32K"
  std::string governor;                       // cpufreq's; empty where there is none (most virtual machines)
  std::optional<bool> turbo;
  bool hypervisor = false;
  std::vector<int> allowed_cpus;       // the affinity mask
  std::optional<double> cgroup_quota;  // in processors
  int usable_cpus = 1;                 // what "all" threads means
  bool pinned = false;                 // workers are never tied to processors; said so that nobody need guess
  std::int64_t memory_mb = 0;
  std::string kernel;
  std::string os;
  std::string compiler;
  std::map<std::string, std::string> variables;  // of the environment, that frameworks read: OMP_*, MKL_*, ...
};

// `root` stands for "/" and is there for tests.
Environment read_environment(const std::filesystem::path& root = "/");

// The state of the machine at one moment.
struct LoadState {
  std::array<double, 3> load_average = {0, 0, 0};  // over 1, 5 and 15 minutes
  std::int64_t steal_ticks = 0;                    // time that the hypervisor gave to others, all processors
  std::int64_t total_ticks = 0;
};
LoadState read_load(const std::filesystem::path& root = "/");

// The share of processor time between two states that the hypervisor gave to others, 0 to 1.
double steal_share(const LoadState& before, const LoadState& after);

}  // namespace cycloid
