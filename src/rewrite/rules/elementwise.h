// Operators that compute each output element from the elements at the same place of the broadcast inputs.
#pragma once

#include "graph/graph.h"

namespace cycloid {

// One output; every input broadcasts. Operators with parameters in inputs of their own (Clip, Dropout) are not among them.
bool is_elementwise(const Node& node);

}  // namespace cycloid
