// Matches the inputs a caller gives with those a model takes.
#pragma once

#include <string>
#include <vector>

#include "backends/backend.h"

namespace cycloid {

struct ModelInput {
  std::string name;
  DType dtype = DType::kUndefined;  // kUndefined: not known before the run (TorchScript)
  bool any_rank = false;            // dims are not known
  Dims dims;                        // a negative size is a dynamic one
};

// For each input of the model, in its order, the index into `given`. An error where one is missing, is not the model's,
// or has another dtype or shape; it says which, and what the model takes.
Result<std::vector<std::size_t>> match_inputs(const std::vector<ModelInput>& model,
                                              const std::vector<NamedTensor>& given);

// One tensor of the values of a sequence of maps (what the ONNX-ML operator ZipMap gives: one map from class to
// probability for each row): a row for each map. The keys are the classes in the model's order, the same in every map.
Result<Tensor> stack_rows(const std::string& name, const std::vector<Tensor>& rows);

// A framework's error with a model: as it is where its words name the file already.
Error of_model(const Error& error, const std::string& path);

// "float32[5,3,64,64]"; a dynamic size is '?'.
std::string describe(const ModelInput& input);

}  // namespace cycloid
