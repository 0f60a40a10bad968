// A model's inputs for a measurement or a run: shapes from the model and the user, values from files or drawn at
// random.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/worker_client.h"
#include "cycloid/result.h"
#include "ops/sample_inputs.h"
#include "tensor/tensor.h"

namespace cycloid {

// What the user says of one input: a shape (and perhaps a dtype), or a file.
struct InputChoice {
  std::string name;
  Dims dims;
  std::optional<DType> dtype;
  std::string path;  // a .npy file; when it is not empty, dims and dtype are the file's
};

struct InputValues {
  std::vector<WorkerInput> inputs;  // in the model's order; those drawn are .npy files in the folder
  bool random = false;              // some were drawn
};

// Values for every input of `model`, which has the form `form`; drawn ones are written into `folder`.
//
// The inputs of an .onnx file are known: sizes that it leaves open must be given by `choices`, or follow from a size of
// the same name in another choice. An input that has an initializer keeps its value unless a choice names it. For other forms `choices` are the inputs, in the order of forward()'s parameters.
// Errors: an input that the model does not have, is named twice, lacks a size, or contradicts the model; a file that
// cannot be read; an input that cannot be drawn (text, sequences).
Result<InputValues> make_inputs(const std::string& model, Form form, const std::vector<InputChoice>& choices,
                                std::uint64_t seed, const std::string& folder);

}  // namespace cycloid
