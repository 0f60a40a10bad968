// Export: bringing a model from the normal form (the newest operator set) to the operator set that its reader has.
//
// The mirror image of import: a node keeps its meaning while it crosses version boundaries downwards. Operators that the
// older set lacks are expanded into older ones. Whatever a conversion does, the result is checked against the schema of
// the operator in that version: its attributes, how many inputs and outputs, their element types.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "cycloid/result.h"
#include "graph/graph.h"

namespace cycloid::onnx {

inline constexpr std::int64_t kOldestExportOpset = 7;

// The model at `opset` of ai.onnx; its types must be known. Other domains stay as they are. An error (kUnsupported)
// names the node, its operator and the operator set that cannot express it.
Result<ModelIr> to_opset(const ModelIr& model, std::int64_t opset);

// The opset that is best where nobody asks for one: `source`, that of the file the model came from (0: unknown), or a
// newer one, the oldest at which no node has to be expanded into several; where there is none, the oldest that works.
Result<ModelIr> to_best_opset(const ModelIr& model, std::int64_t source);

// The model in the normal form, with each node that `choose` names taken apart into operators of older sets where there is an
// expansion that can; types are inferred anew. For whoever has these operators and not the newer one.
Result<ModelIr> expanded(const ModelIr& model, const std::function<bool(const Node&)>& choose);

struct ExportOptions {
  std::int64_t opset = 0;         // 0: to_best_opset()
  std::int64_t source_opset = 0;  // for that
};

// Writes the file as write_model() does.
Status export_model(const ModelIr& model, const std::string& path, const ExportOptions& options = {});

}  // namespace cycloid::onnx
