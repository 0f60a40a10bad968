// The driver: applies rules to a model until none has anything to say, and checks every single change.
//
// Only the driver changes the graph. Each proposal is inferred, compared with the values it replaces on sample inputs
// (each value of the original is computed once; a new node runs on the values that are already known), weighed by cost
// where its rule asks for that, and refused with a reason otherwise. A refusal is never fatal.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "cycloid/result.h"
#include "graph/graph.h"
#include "ops/datum.h"
#include "rewrite/ledger.h"

namespace cycloid {

struct OptimizeOptions {
  std::set<std::string, std::less<>> disabled;  // rules by name
  std::set<std::string, std::less<>> only;      // empty: all
  // Inputs to compare on, each in the order of graph.inputs(). None: changes are applied unverified.
  std::vector<std::vector<Datum>> samples;
  std::size_t max_sample_bytes = std::size_t{1} << 30;  // of all values kept for comparison; beyond it, unverified
  std::size_t fold_limit = std::size_t{1} << 24;        // bytes that folding one node may add to the model
  std::size_t max_applications = 1'000'000;             // against rules that undo each other
  bool assume_finite = false;                           // see RuleContext
  bool verify_graph = false;                            // verify() after each change: for tests
  // Single applications that are refused, and how many are made at most: how one that spoils the whole is found and
  // left out. The driver is deterministic, so the first n applications of two runs with the same options are the same.
  std::set<ApplicationKey> vetoed;
  std::size_t stop_after = SIZE_MAX;
};

struct Optimized {
  ModelIr model;
  Ledger ledger;
};

// The optimised model, in normal form, with the same inputs and outputs by name and order. The model must be in normal
// form with types inferred. Errors: an unknown rule name, or a model whose inference fails.
Result<Optimized> optimize(const ModelIr& model, const OptimizeOptions& options = {});

}  // namespace cycloid
