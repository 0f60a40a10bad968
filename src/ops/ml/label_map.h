// The keys and values of a LabelEncoder, from whichever attributes hold them.
#pragma once

#include "cycloid/result.h"
#include "graph/graph.h"
#include "tensor/tensor.h"

namespace cycloid {

struct LabelMap {
  Tensor keys, values;  // of rank 1 and as many elements; of equal keys the first counts
  Tensor fallback;      // one element of the values' type

  static Result<LabelMap> parse(const Node& node);
};

}  // namespace cycloid
