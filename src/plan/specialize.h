// Specialisation: a model for known input shapes, with all that can be computed beforehand computed.
#pragma once

#include <optional>
#include <vector>

#include "graph/graph.h"

namespace cycloid {

struct SpecializeOptions {
  // Larger results of constant nodes are left to be computed in the run.
  std::size_t max_constant_bytes = std::size_t{1} << 30;
};

// A copy of `model` (types inferred) whose inputs have these dims (nullopt: left as they are), shapes inferred anew, nodes
// with constant inputs replaced by their results, and dead nodes removed. Errors: shapes the model does not allow.
Result<ModelIr> specialize(const ModelIr& model, const std::vector<std::optional<Dims>>& input_dims,
                           const SpecializeOptions& options = {});

// Replaces nodes whose inputs are all constant, and Shape and Size of tensors with a known shape, by constants. Returns
// how many.
std::size_t fold_constants(ModelIr& model, const SpecializeOptions& options = {});

}  // namespace cycloid
