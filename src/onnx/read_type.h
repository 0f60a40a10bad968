// TypeProto and ValueInfoProto.
#pragma once

#include <string_view>

#include "cycloid/result.h"
#include "graph/draft.h"

namespace cycloid::onnx {

// Sparse tensors and opaque types, which the graph cannot hold, are an error (kUnsupported). A type that is not said is
// unknown.
Result<ValueType> read_type(std::string_view message, int depth = 0);

Result<ValueDraft> read_value_info(std::string_view message);

}  // namespace cycloid::onnx
