#include "bench/environment.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>
#include <sstream>

#include "base/cgroup.h"

namespace cycloid {
namespace {

namespace fs = std::filesystem;

std::string trimmed(std::string text) {
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  while (!text.empty() && is_space(text.back())) text.pop_back();
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  return text;
}

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return trimmed(line);
}

std::optional<std::int64_t> integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data() ? std::optional(value) : std::nullopt;
}

// "0-3,8" names 0 1 2 3 8.
std::vector<int> cpu_list(const std::string& text) {
  std::vector<int> cpus;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto first = integer(part);
    const std::size_t dash = part.find('-');
    const auto last = dash == std::string::npos ? first : integer(std::string_view(part).substr(dash + 1));
    if (!first || !last || *last - *first > 65536) continue;
    for (std::int64_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<int>(cpu));
  }
  return cpus;
}

// Of the processor's flags, the instruction sets that numeric kernels are written for.
const std::set<std::string_view>& numeric_isa() {
  static const std::set<std::string_view> kNames = {
      "sse4_2",   "avx",         "f16c",       "fma",           "avx2",        "avx_vnni", "avx512f",
      "avx512bw", "avx512vl",    "avx512dq",   "avx512_vnni",   "avx512_bf16", "amx_tile", "amx_int8",
      "amx_bf16", "avx512_fp16", "avx512vbmi", "avx_vnni_int8", "avx10",       "asimd",    "asimddp",
      "asimdhp",  "sve",         "sve2",       "bf16",          "i8mm"};
  return kNames;
}

void read_cpuinfo(const fs::path& root, Environment& environment) {
  std::ifstream file(root / "proc/cpuinfo");
  for (std::string line; std::getline(file, line) && !line.empty();) {  // the first processor stands for all
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = trimmed(line.substr(0, colon));
    const std::string value = trimmed(line.substr(colon + 1));
    if (key == "model name" || key == "Model") environment.cpu_model = value;
    if (key != "flags" && key != "Features") continue;
    std::istringstream flags(value);
    for (std::string flag; flags >> flag;) {
      if (numeric_isa().contains(flag)) environment.isa.push_back(flag);
      if (flag == "hypervisor") environment.hypervisor = true;
    }
  }
}

void read_topology(const fs::path& root, Environment& environment) {
  const fs::path cpus = root / "sys/devices/system/cpu";
  const std::vector<int> online = cpu_list(first_line(cpus / "online"));
  environment.cpus_online = static_cast<int>(online.size());
  std::set<std::string> cores;
  for (const int cpu : online) {
    const fs::path topology = cpus / ("cpu" + std::to_string(cpu)) / "topology";
    std::string siblings = first_line(topology / "core_cpus_list");
    if (siblings.empty()) siblings = first_line(topology / "thread_siblings_list");
    cores.insert(siblings.empty() ? std::to_string(cpu) : siblings);
  }
  environment.cores_online = static_cast<int>(cores.size());
  if (online.empty()) return;
  const fs::path first = cpus / ("cpu" + std::to_string(online.front()));
  for (int index = 0; index < 8; ++index) {
    const fs::path cache = first / "cache" / ("index" + std::to_string(index));
    const std::string level = first_line(cache / "level");
    const std::string type = first_line(cache / "type");
    if (level.empty()) break;
    environment.caches["L" + level +
                       (type == "Data"          ? "d"
                        : type == "Instruction" ? "i"
                                                : "")] = first_line(cache / "size");
  }
  environment.governor = first_line(first / "cpufreq/scaling_governor");
  if (const std::string boost = first_line(cpus / "cpufreq/boost"); !boost.empty()) environment.turbo = boost == "1";
  if (const std::string off = first_line(cpus / "intel_pstate/no_turbo"); !off.empty()) environment.turbo = off == "0";
}

// Names that frameworks and their libraries read. Never all of the environment: it holds secrets.
std::map<std::string, std::string> framework_variables() {
  static constexpr std::string_view kPrefixes[] = {
      "OMP_",           "GOMP_", "KMP_", "MKL_", "OPENBLAS_NUM_THREADS", "ONEDNN_", "DNNL_",      "ATEN_",
      "TORCHINDUCTOR_", "ORT_",  "OV_",  "TBB_", "CYCLOID_ISA",          "MALLOC_", "LD_PRELOAD", "PYTORCH_"};
  std::map<std::string, std::string> found;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    const bool known = std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                                   [&](std::string_view p) { return text.starts_with(p); });
    if (known) found[std::string(text.substr(0, equals))] = std::string(text.substr(equals + 1, 200));
  }
  return found;
}

std::string os_name(const fs::path& root) {
  std::ifstream file(root / "etc/os-release");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("PRETTY_NAME=")) continue;
    line.erase(0, 12);
    std::erase(line, '"');
    return line;
  }
  return "";
}

}  // namespace

Environment read_environment(const fs::path& root) {
  Environment environment;
  read_cpuinfo(root, environment);
  read_topology(root, environment);
  environment.allowed_cpus = allowed_cpus();
  environment.cgroup_quota = cgroup_cpu_quota(root);
  environment.usable_cpus = usable_cpus();
  std::ifstream memory(root / "proc/meminfo");
  std::string key;
  std::int64_t kilobytes = 0;
  if (memory >> key >> kilobytes) environment.memory_mb = kilobytes / 1024;
  utsname name{};
  if (::uname(&name) == 0) environment.kernel = std::string(name.sysname) + " " + name.release + " " + name.machine;
  environment.os = os_name(root);
#if defined(__clang__)
  environment.compiler = "clang " __clang_version__;
#else
  environment.compiler = "gcc " __VERSION__;
#endif
  environment.variables = framework_variables();
  return environment;
}

LoadState read_load(const fs::path& root) {
  LoadState state;
  std::ifstream load(root / "proc/loadavg");
  load >> state.load_average[0] >> state.load_average[1] >> state.load_average[2];
  std::ifstream stat(root / "proc/stat");
  std::string cpu;
  stat >> cpu;
  // user nice system idle iowait irq softirq steal; guest time is within user already (proc(5)).
  for (int column = 0; column < 8; ++column) {
    std::int64_t ticks = 0;
    if (!(stat >> ticks)) break;
    state.total_ticks += ticks;
    if (column == 7) state.steal_ticks = ticks;
  }
  return state;
}

double steal_share(const LoadState& before, const LoadState& after) {
  const std::int64_t total = after.total_ticks - before.total_ticks;
  if (total <= 0) return 0;
  return std::clamp(static_cast<double>(after.steal_ticks - before.steal_ticks) / static_cast<double>(total), 0.0, 1.0);
}

}  // namespace cycloid
