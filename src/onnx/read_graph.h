// GraphProto, FunctionProto, AttributeProto and TypeProto to drafts.
#pragma once

#include <string_view>

#include "cycloid/result.h"
#include "graph/draft.h"
#include "onnx/read_tensor.h"

namespace cycloid::onnx {

// `depth`: how many graphs lie around this one.
Result<GraphDraft> read_graph(std::string_view message, ReadContext& context, int depth = 0);

Result<Function> read_function(std::string_view message, ReadContext& context);

// Reads an OperatorSetIdProto into `opsets`.
Status read_opset(std::string_view message, std::map<std::string, std::int64_t, std::less<>>& opsets);

}  // namespace cycloid::onnx
