// `cycloid rules`: what the optimiser can do.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "cycloid/optimize.h"

namespace cycloid {
namespace {

std::string rules_json() {
  nlohmann::ordered_json json;
  json["schema"] = "cycloid.rules/1";
  json["rules"] = nlohmann::ordered_json::array();
  for (const RuleInfo& rule : optimization_rules()) {
    json["rules"].push_back(
        {{"name", rule.name}, {"kind", rule.kind}, {"law", rule.law}, {"why", rule.why}, {"exact", rule.exact}});
  }
  return json.dump(2) + "\n";
}

// By kind, in the order of the list.
std::string rules_text() {
  std::string text;
  for (const std::string_view kind :
       {"fewer-nodes", "cheaper-node", "cheaper-subgraph", "parallel-branches", "standard"}) {
    std::string part;
    for (const RuleInfo& rule : optimization_rules()) {
      if (rule.kind != kind) continue;
      part += fmt::format("  {}{}\n      {}\n      {}\n", rule.name,
                          rule.exact ? "" : "  (float sums in another order)", rule.law, rule.why);
    }
    if (!part.empty()) text += fmt::format("{}{}\n{}", text.empty() ? "" : "\n", kind, part);
  }
  return text;
}

}  // namespace

void add_rules_command(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("rules", "Lists the rules of `cycloid optimize`: name, kind, law, why it holds");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON");
  command->footer("\nExample:\n  cycloid rules --json");
  command->callback([json, &exit_code] {
    std::fputs((*json ? rules_json() : rules_text()).c_str(), stdout);
    exit_code = kExitOk;
  });
}

}  // namespace cycloid
