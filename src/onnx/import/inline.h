// Replacing calls of a model's functions by their bodies.
#pragma once

#include <functional>

#include "cycloid/result.h"
#include "graph/graph.h"

namespace cycloid::onnx {

// Brings a function's body, of these operator sets, to the form of the caller.
using ConvertBody = std::function<Status(Graph& body, const std::map<std::string, std::int64_t, std::less<>>& opsets)>;

// All calls in the main graph, its subgraphs and the functions themselves; then the model has no functions. Each body
// is given to `convert` once for each call, when its attribute references are resolved and its own calls are inlined.
// Errors: a function that calls itself, more nodes than a model may have.
Status inline_functions(ModelIr& model, const ConvertBody& convert);

}  // namespace cycloid::onnx
