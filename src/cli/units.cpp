#include "cli/units.h"

#include <fmt/format.h>

#include <array>

namespace cycloid {

std::string with_unit(double value, const char* unit) {
  static constexpr std::array<const char*, 7> kPrefixes = {"", "k", "M", "G", "T", "P", "E"};
  std::size_t prefix = 0;
  // 999.5 would be shown as 1000: it belongs to the next prefix.
  while (value >= 999.5 && prefix + 1 < kPrefixes.size()) {
    value /= 1000;
    ++prefix;
  }
  const bool whole = prefix == 0 && value == static_cast<double>(static_cast<long long>(value));
  const int decimals = whole || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  const char* const space = prefix == 0 && unit[0] == '\0' ? "" : " ";
  return fmt::format("{:.{}f}{}{}{}", value, decimals, space, kPrefixes[prefix], unit);
}

}  // namespace cycloid
