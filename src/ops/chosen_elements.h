// Operators that choose and move elements, and compute no number of their own.
#pragma once

#include "graph/graph.h"

namespace cycloid {

// Every element of the outputs is one of input 0, its negative, or a bound or filling given beside it (indices that come with them
// are integers). Where these are rounded, so are the outputs, and not once more.
bool chooses_of_first(const Node& node);

// The same of all inputs: Concat, Max, Min, Where.
bool chooses_of_any(const Node& node);

}  // namespace cycloid
