#include "cli/optimize_ship.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/temporary_folder.h"
#include "bench/table_report.h"

namespace cycloid {
namespace {

constexpr std::size_t kMaxCandidates = 8;  // measured in one run
constexpr int kMaxAttempts = 3;

// Rules to leave out together, and what that is called.
struct Omission {
  std::string what;
  std::vector<std::string> rules;
};

// Without each kind that was applied, then without each rule, those with most changes first.
std::vector<Omission> omissions(const Optimization& optimization) {
  std::map<std::string, std::set<std::string>> by_kind;
  std::map<std::string, int> uses;
  for (const RuleUse& use : optimization.applications) {
    by_kind[use.kind].insert(use.rule);
    ++uses[use.rule];
  }
  std::vector<Omission> all;
  if (by_kind.size() > 1) {
    for (const auto& [kind, rules] : by_kind) {
      if (rules.size() > 1) all.push_back({"the rules of kind " + kind, {rules.begin(), rules.end()}});
    }
  }
  std::vector<std::pair<int, std::string>> ordered;
  for (const auto& [rule, count] : uses) ordered.emplace_back(-count, rule);
  std::ranges::sort(ordered);
  if (uses.size() > 1) {
    for (const auto& [count, rule] : ordered) all.push_back({"the rule " + rule, {rule}});
  }
  if (all.size() > kMaxCandidates) all.resize(kMaxCandidates);
  return all;
}

class Shipper {
 public:
  Shipper(const Model& model, const OptimizationOptions& options, const ShipOptions& ship, std::string folder)
      : model_(model), options_(options), ship_(ship), folder_(std::move(folder)) {}

  Result<ShippedOptimization> run(Optimization optimization) {
    CYCLOID_ASSIGN(inputs_, measuring_inputs(optimization.model, options_.samples, ship_.gains.seed, folder_, sizes_));
    CYCLOID_ASSIGN(original_, original_file());
    for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
      CYCLOID_ASSIGN(const std::string slower, measure(optimization));
      if (slower.empty()) return finished(std::move(optimization));
      CYCLOID_ASSIGN(const bool found, without_what_costs(slower, optimization));
      if (!found) break;
    }
    OptimizationOptions nothing = options_;
    for (const RuleInfo& rule : optimization_rules()) nothing.disable.emplace_back(rule.name);
    nothing.only.clear();
    CYCLOID_ASSIGN(Optimization original, optimize(model_, nothing));
    original.notes = std::move(optimization.notes);
    original.notes.push_back("no set of changes was found that is not slower: the model is written as it was");
    return ShippedOptimization{std::move(original), std::move(measured_), ship_.keeps_file};
  }

 private:
  // With fixed shapes, the original with these.
  Result<std::string> original_file() {
    if (options_.shapes.empty()) return ship_.original_path;
    OptimizationOptions nothing = options_;
    nothing.verify = false;
    for (const RuleInfo& rule : optimization_rules()) nothing.disable.emplace_back(rule.name);
    nothing.only.clear();
    CYCLOID_ASSIGN(const Optimization original, optimize(model_, nothing));
    return saved(original, "original");
  }

  Result<std::string> saved(const Optimization& optimization, std::string_view name) {
    std::string path = fmt::format("{}/{}.onnx", folder_, name);
    CYCLOID_TRY(save_model(optimization.model, path, {.opset = ship_.opset}));
    return path;
  }

  // The backend in which it is slower, or "". What is said of the backends is that of the last measurement.
  Result<std::string> measure(const Optimization& optimization) {
    measured_.clear();
    CYCLOID_ASSIGN(const std::string path, saved(optimization, "optimised"));
    for (const std::string& backend : ship_.backends) {
      auto gains = measure_gains(backend, original_, {{"optimised", path}}, inputs_, ship_.gains);
      if (!gains) return gains.error().in("--measure " + backend);
      const Gain& gain = gains->front();
      const std::string detail =
          fmt::format("{} thread{}, {}", ship_.gains.threads, ship_.gains.threads == 1 ? "" : "s", sizes_);
      measured_.push_back({backend, gain.speedup ? format_speedup(*gain.speedup) : gain.problem, detail, gain.speedup});
      if (gain.slower()) return backend;
    }
    return std::string();
  }

  // Replaces `optimization` by the fastest one with less that is not slower in `backend`.
  Result<bool> without_what_costs(const std::string& backend, Optimization& optimization) {
    std::vector<Variant> variants;
    std::vector<Optimization> candidates;
    const std::vector<Omission> tried = omissions(optimization);
    for (const Omission& omission : tried) {
      OptimizationOptions less = options_;
      less.disable.insert(less.disable.end(), omission.rules.begin(), omission.rules.end());
      CYCLOID_ASSIGN(Optimization candidate, optimize(model_, less));
      candidate.notes = optimization.notes;
      CYCLOID_ASSIGN(const std::string path, saved(candidate, fmt::format("candidate{}", candidates.size())));
      variants.push_back({omission.what, path});
      candidates.push_back(std::move(candidate));
    }
    if (variants.empty()) return false;
    CYCLOID_ASSIGN(const std::vector<Gain> gains, measure_gains(backend, original_, variants, inputs_, ship_.gains));
    std::size_t best = gains.size();
    for (std::size_t i = 0; i < gains.size(); ++i) {
      if (gains[i].slower()) continue;
      if (best == gains.size() || gains[i].speedup->ratio > gains[best].speedup->ratio) best = i;
    }
    if (best == gains.size()) return false;
    optimization = std::move(candidates[best]);
    optimization.notes.push_back(fmt::format("{} would make it slower on {}, and {} left out", tried[best].what,
                                             backend, tried[best].rules.size() == 1 ? "was" : "were"));
    options_.disable.insert(options_.disable.end(), tried[best].rules.begin(), tried[best].rules.end());
    return true;
  }

  ShippedOptimization finished(Optimization optimization) {
    return {std::move(optimization), std::move(measured_), false};
  }

  const Model& model_;
  OptimizationOptions options_;
  const ShipOptions& ship_;
  std::string folder_;
  std::string original_;
  std::string sizes_;
  std::vector<WorkerInput> inputs_;
  std::vector<MeasuredText> measured_;
};

}  // namespace

Result<ShippedOptimization> ship_no_slower(const Model& model, const OptimizationOptions& options,
                                           Optimization optimization, const ShipOptions& ship) {
  CYCLOID_ASSIGN(const TemporaryFolder folder, TemporaryFolder::create());
  return Shipper(model, options, ship, folder.path()).run(std::move(optimization));
}

}  // namespace cycloid
