// A whole benchmark: models x thread counts x backends, from what the user asked for to results.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backends/inputs.h"
#include "bench/environment.h"
#include "bench/result.h"
#include "bench/runner.h"
#include "cycloid/result.h"

namespace cycloid {

struct BenchModel {
  std::string model;  // a path, "package.module:callable" or "file.py:callable"
  std::string name;   // for people; empty: `model`
};

struct BenchOptions {
  std::vector<BenchModel> models;
  std::vector<InputChoice> inputs;    // for every model
  std::vector<std::string> backends;  // empty: all that Cycloid knows
  std::vector<int> threads;           // empty: 1 and all usable processors
  std::int64_t loops = 1024;
  std::optional<int> rounds;  // default_rounds(loops)
  // Bound of the turns' time for each model and thread count, in which fewer runs are made where `loops` would take longer.
  std::optional<double> seconds;
  WarmUp warmup;
  std::string reference;  // empty: the first backend in the table that gives outputs
  Tolerance tolerance;
  std::uint64_t seed = 0;
  bool profile = false;       // cycloid's steps too, after the measurement of each thread count
  double time_limit_s = 600;  // of one request to a worker: torch.compile takes minutes to load on a busy machine
  std::map<std::string, std::map<std::string, std::string>> backend_options;  // backend -> name -> value
};

// SqueezeNet 1.0 and 1.1 on (5, 3, 64, 64): the comparison that the project began with.
void use_founding_comparison(BenchOptions& options);

// The names that a gate may use: the chosen backends and "noise".
std::vector<std::string> participants(const BenchOptions& options);

// Errors that can be found without starting anything: unknown backends, counts and tolerances out of range.
Status check_options(const BenchOptions& options);

struct BenchHooks {
  std::function<void(const std::string& what)> stage;       // "exporting squeezenet ..."; may be empty
  std::function<void(const RunProgress&)> progress;         // may be empty
  std::function<void(const RunResult&)> lost;               // may be empty
  std::function<void(const ComparisonResult&)> comparison;  // each as it is complete; may be empty
};

// Measures all. An error ends it: bad options, a model or input that cannot be used, a required reference that is
// missing, an interrupt. A backend that fails is a row, not an error.
Result<BenchResult> run_bench(const BenchOptions& options, const BenchHooks& hooks);

}  // namespace cycloid
