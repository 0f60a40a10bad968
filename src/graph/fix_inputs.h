// Fixing the sizes that a model leaves open.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cycloid/dtype.h"
#include "cycloid/result.h"
#include "graph/graph.h"
#include "tensor/dim.h"

namespace cycloid {

// What somebody says of an input.
struct InputSpec {
  std::string name;
  Dims dims;                   // empty: a scalar
  std::optional<DType> dtype;  // where it was given
};

// Fixes the sizes of inputs, and of every other value of the main graph that shares their symbols. An error, which
// begins with `option` and the input's name, where a name is no input, or the dtype, rank or a known size contradicts.
Status fix_inputs(Graph& graph, const std::vector<InputSpec>& specs, std::string_view option = "--input");

}  // namespace cycloid
