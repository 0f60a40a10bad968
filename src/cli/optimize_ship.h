// `optimize --measure`: nothing is written that is slower than it was where it was measured.
#pragma once

#include <string>
#include <vector>

#include "cli/optimize_measure.h"
#include "cli/optimize_page.h"
#include "cycloid/optimize.h"

namespace cycloid {

struct ShipOptions {
  std::vector<std::string> backends;
  GainOptions gains;
  std::int64_t opset = 0;
  std::string original_path;  // the model's own file
  bool keeps_file = true;     // the file itself may be shipped; otherwise the model is written anew, without changes
};

struct ShippedOptimization {
  Optimization optimization;
  std::vector<MeasuredText> measured;
  bool original = false;  // nothing pays: the original file is to be written
};

// Measures `optimization` beside the original. Where it is slower in a backend, tries it without each kind of rule, then
// without each rule that was applied, all in one run, and takes the fastest that is not slower; where none is, the
// original. The optimisation's notes say what was left out.
Result<ShippedOptimization> ship_no_slower(const Model& model, const OptimizationOptions& options,
                                           Optimization optimization, const ShipOptions& ship);

}  // namespace cycloid
