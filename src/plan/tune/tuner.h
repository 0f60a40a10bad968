// Kernels chosen by measurement, when a plan is made.
//
// For each convolution and matrix product the candidates are every kernel that takes it, with every width of its register tile; the
// first is what selection by estimate gives. They are timed in turns (turns.h) on the calling thread, with the shape's real
// strides, on memory of their own. What is measured is kept in a TuneCache by processor and shape, so that a plan for
// known shapes costs nothing. Shapes beyond the time bound are chosen by estimate.
#pragma once

#include <cstddef>
#include <string>

#include "base/cpu.h"
#include "kernels/conv/conv.h"
#include "kernels/gemm/gemm.h"
#include "plan/plan.h"
#include "plan/tune/tune_cache.h"

namespace cycloid {

// Of one session. One plan at a time is between begin() and end().
class Tuner {
 public:
  // `budget`: seconds of measuring for a plan.
  Tuner(const std::string& cache_path, double budget);

  // A plan for a model with so many bytes of weights begins. Weights that do not stay in L2 from run to run are not in it
  // when a kernel is timed either.
  void begin(std::size_t weight_bytes);
  // Saves what was measured, and says what was done: "12 shapes from the cache, 3 measured in 0.4 s, ...".
  std::string end();

  // As kernels::select_conv() and select_gemm(), which they fall back to.
  kernels::ConvSelection conv(const kernels::ConvParams& params, Isa isa);
  kernels::GemmSelection gemm(const kernels::GemmParams& params, Isa isa);

 private:
  struct Counts {
    int cached = 0, measured = 0, estimated = 0, changed = 0;
    double seconds = 0;
  };
  template <class Selection, class Configure, class Measure>
  Selection choose(const std::string& key, Selection by_estimate, Configure configure, Measure measure);

  TuneCache cache_;
  const double budget_;
  bool cold_weights_ = false;
  Counts counts_;
};

// By the options' tuner where there is one, else by estimate.
kernels::ConvSelection choose_conv(const PlanOptions& options, const kernels::ConvParams& params);
kernels::GemmSelection choose_gemm(const PlanOptions& options, const kernels::GemmParams& params);

}  // namespace cycloid
