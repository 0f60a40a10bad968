// How operators round their results.
#pragma once

#include "graph/graph.h"

namespace cycloid {

enum class Rounding {
  kNone,  // elements are moved, chosen, compared or rounded by definition: every way to compute them gives the same bits
  kOnce,  // one sum or product, which IEEE 754 rounds in one way
  kAny,   // sums in any order, approximated functions
};
Rounding rounding_of(const Node& node);

}  // namespace cycloid
