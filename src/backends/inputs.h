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
#include "tensor/tensor.h"

namespace cycloid {

class Graph;

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
// the same name in another choice. For other forms `choices` are the inputs, in the order of forward()'s parameters.
// Errors: an input that the model does not have, is named twice, lacks a size, or contradicts the model; a file that
// cannot be read; an input that cannot be drawn (text, sequences).
Result<InputValues> make_inputs(const std::string& model, Form form, const std::vector<InputChoice>& choices,
                                std::uint64_t seed, const std::string& folder);

// Half-open range of the integers an input may hold.
struct IndexRange {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

// For the inputs of `graph` that reach the indices of Gather, GatherElements, GatherND (last axis of one), OneHot or an
// embedding, directly or through operators that keep values: the indices that are within every such axis, as far as the
// graph shows its extent.
std::map<std::string, IndexRange> index_ranges(const Graph& graph);

// Random elements, the same for the same arguments on every machine: floats uniform in [0, 1) (what images and features
// are scaled to, and where log and sqrt are defined), bools fair, integers uniform in `range`; without one all values
// of int8 and uint8 (quantised data, pixels), and {0, 1} of wider ones, which are in range as index, mask, flag or
// token type. `name` makes inputs differ.
Result<Tensor> random_tensor(DType dtype, const Dims& dims, const std::optional<IndexRange>& range,
                             const std::string& name, std::uint64_t seed);

}  // namespace cycloid
