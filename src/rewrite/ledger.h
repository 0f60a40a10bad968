// Ledger: what an optimisation did, application by application, so that every change can be explained and checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rewrite/rule.h"

namespace cycloid {

// Of a graph and its subgraphs (bodies counted once). FLOPs and bytes are nullopt where a size is not known.
struct Totals {
  std::size_t nodes = 0;
  std::optional<std::int64_t> flops;
  std::optional<std::int64_t> bytes;
};

// Which rule, where and at which node: names one application within one run of the driver.
struct ApplicationKey {
  std::string rule;
  std::string where;
  std::string node;
  friend auto operator<=>(const ApplicationKey&, const ApplicationKey&) = default;
};

struct RuleApplication {
  const Rule* rule = nullptr;
  std::string where;                      // "" for the main graph, else the path of the subgraph
  std::string node = {};                  // at which the rule was tried, as messages name it
  std::vector<std::string> removed = {};  // nodes, as messages name them
  std::vector<std::string> added = {};
  std::optional<std::int64_t> flops_saved = {};
  std::optional<std::int64_t> bytes_saved = {};
  // The new values against the old ones on the sample inputs. Nullopt: not compared (see `unverified`).
  std::optional<double> max_abs_error = {};
  std::optional<double> max_rel_error = {};
  std::string unverified = {};  // why not compared; empty if it was
};

// A change that a rule proposed and the driver refused.
struct RuleRefusal {
  const Rule* rule = nullptr;
  std::string where;
  std::string node;
  std::string reason;
};

struct Ledger {
  Totals before;
  Totals after;
  std::vector<RuleApplication> applications;
  std::vector<RuleRefusal> refusals;
};

}  // namespace cycloid
