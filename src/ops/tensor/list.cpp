#include "ops/tensor/list.h"

#include "ops/op_list.h"

namespace cycloid {

void add_tensor_ops(OpList& list) {
  list.insert(list.end(), {
                              &kConcat,
                              &kExpand,
                              &kFlatten,
                              &kGather,
                              &kGatherElements,
                              &kGatherND,
                              &kReshape,
                              &kScatterElements,
                              &kScatterND,
                              &kShape,
                              &kSize,
                              &kSlice,
                              &kSplit,
                              &kSqueeze,
                              &kTile,
                              &kTranspose,
                              &kUnsqueeze,
                          });
}

}  // namespace cycloid
