#include "backends/options.h"

#include <algorithm>

#include "base/check.h"
#include "base/error.h"

namespace cycloid {
namespace {

bool admits(const OptionInfo& option, std::string_view name) {
  if (option.name.ends_with('*')) {
    std::string_view prefix(option.name.data(), option.name.size() - 1);
    return name.starts_with(prefix) && name.size() > prefix.size();
  }
  return option.name == name;
}

}  // namespace

Result<Options> Options::resolve(std::string_view backend, const std::vector<OptionInfo>& known,
                                 const std::map<std::string, std::string>& given) {
  Options options;
  for (const OptionInfo& option : known) {
    if (!option.name.ends_with('*')) options.values_[option.name] = option.default_value;
  }
  for (const auto& [name, value] : given) {
    auto option = std::find_if(known.begin(), known.end(), [&](const OptionInfo& o) { return admits(o, name); });
    if (option == known.end()) {
      std::string names;
      for (const OptionInfo& o : known) names += (names.empty() ? "" : ", ") + o.name;
      return invalid_argument("backend '{}' has no option '{}'; it has: {}", backend, name,
                              names.empty() ? "none" : names);
    }
    const std::vector<std::string>& choices = option->choices;
    if (!choices.empty() && std::find(choices.begin(), choices.end(), value) == choices.end()) {
      return invalid_argument("backend '{}': option {}={} is not one of {}", backend, name, value,
                              fmt::join(choices, ", "));
    }
    options.values_[name] = value;
  }
  return options;
}

const std::string& Options::text(std::string_view name) const {
  auto found = values_.find(std::string(name));
  CYCLOID_CHECK(found != values_.end());
  return found->second;
}

std::map<std::string, std::string> Options::with_prefix(std::string_view prefix) const {
  std::map<std::string, std::string> found;
  for (const auto& [name, value] : values_) {
    if (name.starts_with(prefix)) found[name.substr(prefix.size())] = value;
  }
  return found;
}

}  // namespace cycloid
