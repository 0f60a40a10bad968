#include "backends/file_names.h"

#include <algorithm>

namespace cycloid {
namespace {

bool is_kept(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

}  // namespace

std::string file_name_of(std::string_view name) {
  constexpr std::size_t kMaxLength = 100;
  std::string kept(name);
  std::replace_if(kept.begin(), kept.end(), [](char c) { return !is_kept(c); }, '_');
  kept.erase(0, std::min(kept.find_first_not_of('.'), kept.size()));
  kept.resize(std::min(kept.size(), kMaxLength));
  return kept.empty() ? "tensor" : kept;
}

std::string unique_file_name(std::string_view name, std::set<std::string>& taken) {
  const std::string base = file_name_of(name);
  std::string candidate = base;
  for (int n = 2; !taken.insert(candidate).second; ++n) candidate = base + "_" + std::to_string(n);
  return candidate;
}

}  // namespace cycloid
