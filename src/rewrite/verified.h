// Optimising with a check of the whole model, beside the driver's check of each change.
//
// The driver compares the values that a change replaces where it can: not in subgraphs, and not where values of a model are too many
// or too slow to compute. So in the end the optimised model is run beside the original, on the same inputs. Where they
// differ, the application that spoils it is found by bisection over the applications (the driver can stop after n), and
// left out.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cycloid/result.h"
#include "ops/datum.h"
#include "rewrite/driver.h"

namespace cycloid {

// Something that runs models.
struct Evaluator {
  using Run = std::function<Result<std::vector<Datum>>(std::span<const Datum>)>;
  std::string name;
  std::function<Result<Run>(const ModelIr&)> load;  // the model stays while the result is used
  bool exact = false;  // gives the same bits wherever the model computes the same, as the reference evaluation does
};

struct VerifyOptions {
  OptimizeOptions driver;                   // its samples are chosen here
  std::vector<std::vector<Datum>> samples;  // the user's, each in the order of the graph's inputs
  bool verify = true;
  std::uint64_t seed = 0;
  double seconds = 30;          // that comparing may take, about
  std::vector<Evaluator> also;  // compared in too
  Evaluator stand_in;           // runs in the reference's place where that would be too slow; may be empty
  std::function<double()> now;  // seconds, steady; empty: the steady clock
};

// The whole model agreed with the original on so many inputs.
struct Agreement {
  std::string evaluator;
  std::size_t samples = 0;
};

struct VerifiedOptimization {
  ModelIr model;
  Ledger ledger;
  std::vector<RuleRefusal> reverted;  // applied, and taken back
  std::vector<std::string> notes;     // for people: what could not be verified, and why
  std::size_t samples = 0;            // on which the whole model was compared
  std::vector<Agreement> agreements;  // by evaluator in which it was compared; none where nothing was changed
};

// As optimize(); errors are those of the options and of the model alone. A rule that fails or spoils the result is left out.
Result<VerifiedOptimization> optimize_verified(const ModelIr& model, const VerifyOptions& options);

}  // namespace cycloid
