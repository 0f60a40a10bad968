// `cycloid backends`: every backend with its version and options, or why it cannot be used and what would change that.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "backends/list.h"
#include "cli/commands.h"

namespace cycloid {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Backend& backend, const Probe& probe) {
  Json entry = {{"name", backend.name()}, {"available", probe.available}};
  Json forms = Json::array();
  for (Form form : backend.forms()) forms.push_back(to_string(form));
  entry["forms"] = forms;
  if (!probe.available) {
    entry["reason"] = probe.reason;
    entry["remedy"] = probe.remedy;
    return entry;
  }
  entry["version"] = probe.version;
  for (const auto& [name, value] : probe.facts) entry["facts"][name] = value;
  Json options = Json::array();
  for (const OptionInfo& option : probe.options) {
    options.push_back({{"name", option.name},
                       {"default", option.default_value},
                       {"meaning", option.meaning},
                       {"choices", option.choices}});
  }
  entry["options"] = options;
  return entry;
}

void print(const Backend& backend, const Probe& probe) {
  if (!probe.available) {
    fmt::print("{:<14} unavailable: {}\n", backend.name(), probe.reason);
    if (!probe.remedy.empty()) fmt::print("{:<14} to make it available: {}\n", "", probe.remedy);
    return;
  }
  fmt::print("{:<14} {}\n", backend.name(), probe.version);
  for (const auto& [name, value] : probe.facts) fmt::print("    {}: {}\n", name, value);
  for (const OptionInfo& option : probe.options) {
    const std::string setting = option.default_value.empty() ? option.name : option.name + "=" + option.default_value;
    fmt::print("    --option {:<34} {}\n", setting, option.meaning);
    if (!option.choices.empty() && option.choices.size() <= 8)
      fmt::print("             {:<34} one of: {}\n", "", fmt::join(option.choices, ", "));
  }
}

int list_backends(bool as_json) {
  Json list = Json::array();
  for (const Backend* backend : all_backends()) {
    const Probe probe = backend->probe();
    if (as_json) {
      list.push_back(to_json(*backend, probe));
    } else {
      print(*backend, probe);
      std::fflush(stdout);
    }
  }
  if (as_json) fmt::print("{}\n", Json{{"schema", "cycloid.backends/1"}, {"backends", list}}.dump(2));
  return kExitOk;
}

}  // namespace

void add_backends_command(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("backends", "Lists the backends: versions and options, or why one is not available");
  auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "As JSON on standard output");
  command->footer(R"(
Examples:
  cycloid backends
  cycloid backends --json

An option of a backend is set by `bench --option BACKEND.NAME=VALUE` and `run --option NAME=VALUE`.)");
  command->callback([as_json, &exit_code] { exit_code = list_backends(*as_json); });
}

}  // namespace cycloid
