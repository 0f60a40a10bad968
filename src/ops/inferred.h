// What tests of inference share.
#pragma once

#include <string>

#include "graph/text.h"
#include "ops/op.h"

namespace cycloid {

// The type of the first output of a graph as text after inference, or the error.
inline std::string inferred(const char* text) {
  auto model = parse_model(text);
  if (!model) return "parse: " + model.error().message();
  if (auto status = infer_types(*model); !status) return status.error().message();
  return to_string(model->graph.value(model->graph.outputs()[0]).type);
}

}  // namespace cycloid
