// Import: bringing a model of any older operator set to the normal form.
//
// In the normal form a model is of the newest operator set (kNewestOpset; ai.onnx.ml 4, or 5 where the file uses 5,
// which withdrew the tree operators of 4), has no functions (calls are replaced by their bodies) and no Constant nodes
// (they are constants of the graph). Each converter (one file per family in this folder) brings one operator over one
// version boundary, keeping its meaning. Operators and domains that import does not know stay as they are.
#pragma once

#include <string>
#include <string_view>

#include "cycloid/result.h"
#include "graph/graph.h"

namespace cycloid::onnx {

// Errors name the node: a version newer than this build knows, an attribute of the wrong type, an old form that has no
// counterpart, a function that calls itself. The model is then left half converted and must be dropped.
// A node none of whose outputs has a name is dropped: nobody can see that it ran.
// Types of values that conversion adds may be unknown: run infer_types() next.
Status to_normal_form(ModelIr& model);

// Whether older nodes of this operator may become others, or a constant, in the normal form.
bool import_converts(std::string_view domain, std::string_view op_type);

// read_model() and to_normal_form().
Result<ModelIr> import_model(const std::string& path);

}  // namespace cycloid::onnx
