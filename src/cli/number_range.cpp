#include "cli/number_range.h"

#include <fmt/format.h>

namespace cycloid {

CLI::Validator number_from(double lowest, double highest) {
  const auto check = [lowest, highest](const std::string& text) {
    double value = 0;
    const bool inside = CLI::detail::lexical_cast(text, value) && value >= lowest && value <= highest;
    return inside ? std::string() : fmt::format("'{}' is no number from {} to {}", text, lowest, highest);
  };
  return {check, fmt::format("{} to {}", lowest, highest)};
}

}  // namespace cycloid
