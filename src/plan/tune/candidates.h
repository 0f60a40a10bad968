// What tuning can choose from, and how it is timed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "kernels/conv/conv.h"
#include "kernels/gemm/gemm.h"
#include "plan/tune/turns.h"

namespace cycloid {

// A kernel with its choices, by a name that the cache holds: "conv.igemm.avx512/3".
template <class Plan>
struct TuneCandidate {
  std::string name;
  Plan plan;
};
using ConvTuneCandidate = TuneCandidate<kernels::ConvPlan>;
using GemmTuneCandidate = TuneCandidate<kernels::GemmPlan>;

// Every kernel that takes `params`, with every width of its register tile; the first is what selection by estimate gives.
// Empty: no kernel takes it.
std::vector<ConvTuneCandidate> conv_tune_candidates(const kernels::ConvParams& params, Isa isa);
std::vector<GemmTuneCandidate> gemm_tune_candidates(const kernels::GemmParams& params, Isa isa);

// The candidate of that name, or nothing where there is none (any more).
std::optional<kernels::ConvPlan> conv_tune_candidate(const std::string& name, const kernels::ConvParams& params,
                                                     Isa isa);
std::optional<kernels::GemmPlan> gemm_tune_candidate(const std::string& name, const kernels::GemmParams& params,
                                                     Isa isa);

// Everything of the parameters that the time depends on, as a key of the cache. `cold`: see time_candidates().
std::string tune_key(const kernels::ConvParams& params, Isa isa, bool cold);
std::string tune_key(const kernels::GemmParams& params, Isa isa, bool cold);

// Times the candidates, for about `budget` seconds, on memory of their own with the strides of the parameters. Input
// and output are in L2 as far as they fit, as the step before has just written the one; with `cold` the packed weights are not.
std::vector<Timing> time_candidates(const std::vector<ConvTuneCandidate>& candidates, bool cold, double budget);
std::vector<Timing> time_candidates(const std::vector<GemmTuneCandidate>& candidates, bool cold, double budget);

}  // namespace cycloid
