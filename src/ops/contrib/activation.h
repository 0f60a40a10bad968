// The activation that FusedConv and FusedGemm apply to their result.
#pragma once

#include <string>
#include <vector>

#include "ops/op.h"

namespace cycloid {

struct FusedActivation {
  std::string name;  // empty: none
  std::vector<double> parameters;

  // An error where the name is not known or a parameter is missing.
  static Result<FusedActivation> make(std::string name, const std::vector<float>& parameters);
  // The output of an evaluation, a tensor of floats, with every element replaced.
  Result<std::vector<Datum>> apply(const EvalContext& context, std::vector<Datum> data) const;
};

}  // namespace cycloid
