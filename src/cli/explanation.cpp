#include "cli/explanation.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "cli/units.h"

namespace cycloid {
namespace {

constexpr std::size_t kPlaces = 3;        // shown of each rule
constexpr std::size_t kNamesOfPlace = 4;  // nodes shown of each place

// Names come from the file: as one line, without what would steer a terminal.
std::string printable(std::string_view text, std::size_t limit = 60) {
  std::string line(text.substr(0, limit));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text.size() > line.size() ? line + "..." : line;
}

std::string amount(double value, const char* unit) {
  return value < 0 ? "-" + with_unit(-value, unit) : with_unit(value, unit);
}

std::string names(const std::vector<std::string>& all) {
  if (all.empty()) return "nothing";
  std::string text;
  for (std::size_t i = 0; i < all.size() && i < kNamesOfPlace; ++i) text += (i == 0 ? "" : ", ") + printable(all[i]);
  if (all.size() > kNamesOfPlace) text += fmt::format(" and {} more", all.size() - kNamesOfPlace);
  return text;
}

std::string change(const char* what, const std::optional<std::int64_t>& before,
                   const std::optional<std::int64_t>& after, const char* unit) {
  if (!before || !after) return "";
  return fmt::format(", {} {} -> {}", what, with_unit(static_cast<double>(*before), unit),
                     with_unit(static_cast<double>(*after), unit));
}

struct OfRule {
  std::vector<const RuleUse*> uses;
  double flops = 0;
  double bytes = 0;
  std::ptrdiff_t nodes = 0;
  std::size_t unknown = 0;     // uses whose saving is not known
  std::size_t unverified = 0;  // uses
  std::size_t compared = 0;    // uses whose own values were compared
  double max_rel = 0;
};

std::vector<OfRule> by_rule(const Optimization& optimization) {
  std::vector<OfRule> rules;
  std::map<std::string, std::size_t> at;
  for (const RuleUse& use : optimization.applications) {
    const auto [found, added] = at.emplace(use.rule, rules.size());
    if (added) rules.emplace_back();
    OfRule& rule = rules[found->second];
    rule.uses.push_back(&use);
    rule.flops += static_cast<double>(use.flops_saved.value_or(0));
    rule.bytes += static_cast<double>(use.bytes_saved.value_or(0));
    rule.nodes += static_cast<std::ptrdiff_t>(use.removed.size()) - static_cast<std::ptrdiff_t>(use.added.size());
    rule.unknown += !use.flops_saved || !use.bytes_saved ? 1 : 0;
    rule.unverified += use.verified ? 0 : 1;
    rule.compared += use.max_rel_error ? 1 : 0;
    rule.max_rel = std::max(rule.max_rel, use.max_rel_error.value_or(0));
  }
  return rules;
}

std::string savings(const OfRule& rule) {
  std::string text = fmt::format("{} node{}", rule.nodes, rule.nodes == 1 ? "" : "s");
  if (rule.flops != 0) text += ", " + amount(rule.flops, "FLOP");
  if (rule.bytes != 0) text += ", " + amount(rule.bytes, "B");
  if (rule.unknown != 0) text += fmt::format(" (and what is not known of {} with open sizes)", rule.unknown);
  return text;
}

std::string checks(const OfRule& rule) {
  if (rule.unverified == rule.uses.size()) return "not verified";
  if (rule.compared == 0) return "with the whole model, which agrees";
  std::string text =
      rule.max_rel == 0 ? "the same bits" : fmt::format("differs by at most {:.2g} of the largest value", rule.max_rel);
  const std::size_t whole = rule.uses.size() - rule.unverified - rule.compared;
  if (whole != 0) text += fmt::format(", {} with the whole model only", whole);
  if (rule.unverified != 0) text += fmt::format(", {} not verified", rule.unverified);
  return text;
}

std::string section(const OfRule& rule) {
  const RuleUse& first = *rule.uses.front();
  std::string text = fmt::format("\n{}: {} time{} [{}]\n  law      {}\n  why      {}\n  saves    {}\n  checked  {}\n",
                                 first.rule, rule.uses.size(), rule.uses.size() == 1 ? "" : "s", first.kind, first.law,
                                 first.why, savings(rule), checks(rule));
  for (std::size_t i = 0; i < rule.uses.size() && i < kPlaces; ++i) {
    const RuleUse& use = *rule.uses[i];
    text += fmt::format("  where    {}{} -> {}\n", use.where.empty() ? "" : "in " + printable(use.where) + ": ",
                        names(use.removed), names(use.added));
  }
  if (const std::size_t more = rule.uses.size() - std::min(rule.uses.size(), kPlaces); more != 0) {
    text += fmt::format("           and {} more place{}\n", more, more == 1 ? "" : "s");
  }
  return text;
}

}  // namespace

std::string optimization_summary(const Optimization& optimization) {
  const GraphTotals& before = optimization.before;
  const GraphTotals& after = optimization.after;
  std::string text =
      fmt::format("{} change{}: nodes {} -> {}{}{}\n", optimization.applications.size(),
                  optimization.applications.size() == 1 ? "" : "s", before.nodes, after.nodes,
                  change("FLOP", before.flops, after.flops, ""), change("bytes", before.bytes, after.bytes, ""));
  if (optimization.compared.empty()) return text;
  std::vector<std::string> where;
  for (const ComparedIn& compared : optimization.compared) {
    where.push_back(fmt::format("{} ({} input{})", compared.name, compared.inputs, compared.inputs == 1 ? "" : "s"));
  }
  return text + fmt::format("agrees with the original in {}\n", fmt::join(where, ", in "));
}

std::string explanation(const Optimization& optimization) {
  std::string text;
  for (const OfRule& rule : by_rule(optimization)) text += section(rule);
  const auto reverted = std::ranges::count_if(optimization.rejections, &RuleRejection::reverted);
  if (reverted != 0) {
    text += "\ntaken back\n";
    for (const RuleRejection& rejection : optimization.rejections) {
      if (rejection.reverted) {
        text += fmt::format("  {} at {}: {}\n", rejection.rule, printable(rejection.node),
                            printable(rejection.reason, 300));
      }
    }
  }
  const auto declined = std::ranges::find(optimization.rejections, false, &RuleRejection::reverted);
  if (declined != optimization.rejections.end()) {
    text += fmt::format("\ndeclined by the checks: {} (first: {} at {}: {})\n",
                        optimization.rejections.size() - static_cast<std::size_t>(reverted), declined->rule,
                        printable(declined->node), printable(declined->reason, 300));
  }
  return text;
}

}  // namespace cycloid
