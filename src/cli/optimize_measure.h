// What an optimisation gains, measured: the models take turns in one run of the bench, a process each.
#pragma once

#include <string>
#include <vector>

#include "backends/worker_client.h"
#include "bench/statistics.h"
#include "cycloid/optimize.h"

namespace cycloid {

struct Variant {
  std::string name;  // "optimised"
  std::string path;  // an .onnx file
};

struct Gain {
  std::string variant;
  std::optional<Ratio> speedup;  // over the original
  std::string problem;           // why there is none
  // How far the original's speed-up over itself, in a second process of the same rounds, is from 1: what processes differ
  // by that run the same (where their memory lies, for one).
  double noise = 0;

  // Surely slower than the original: the whole interval is below 1 by more than the noise.
  bool slower() const;
};

struct GainOptions {
  int threads = 1;
  double seconds = 10;  // about, of timed runs of each variant
  std::uint64_t seed = 0;
};

// The gain of each variant over `original` in `backend`, all in the same rounds. Errors: an unknown or missing backend,
// a backend that cannot run the original, an interrupt.
Result<std::vector<Gain>> measure_gains(const std::string& backend, const std::string& original,
                                        const std::vector<Variant>& variants, const std::vector<WorkerInput>& inputs,
                                        const GainOptions& options);

// Inputs for measuring, as files in `folder`: the first of `samples`, or random ones with every open size such that the model runs.
// `what` says in words which sizes these are.
Result<std::vector<WorkerInput>> measuring_inputs(const Model& model, const std::vector<std::vector<AnyValue>>& samples,
                                                  std::uint64_t seed, const std::string& folder, std::string& what);

}  // namespace cycloid
