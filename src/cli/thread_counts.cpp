#include "cli/thread_counts.h"

#include <charconv>

#include "base/cgroup.h"
#include "base/error.h"
#include "base/threads.h"

namespace cycloid {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t at = 0;;) {
    const std::size_t end = text.find(separator, at);
    parts.push_back(text.substr(at, end - at));
    if (end == std::string::npos) return parts;
    at = end + 1;
  }
}

Result<std::vector<int>> parse_threads(const std::string& text) {
  std::vector<int> threads;
  for (const std::string& part : split(text, ',')) {
    if (part == "all") {
      threads.push_back(usable_cpus());
      continue;
    }
    int value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size()) {
      return invalid_argument("--threads {}: '{}' is no count of threads; write 1,2 or 1,all", text, part);
    }
    if (value < 1 || value > ThreadTeam::kMaxThreads)
      return invalid_argument("--threads {}: must be 1 to {}, or all", value, ThreadTeam::kMaxThreads);
    threads.push_back(value);
  }
  return threads;
}

}  // namespace cycloid
