// Operators that compute each output element from the elements at the same place of the broadcast inputs.
#pragma once

#include <string_view>

#include "graph/graph.h"

namespace cycloid {

// An operator of ai.onnx with one output, every input of which broadcasts. Operators with parameters in inputs of their own (Clip, Dropout) are not among them.
bool is_elementwise(std::string_view op_type);
bool is_elementwise(const Node& node);

}  // namespace cycloid
