#include "ops/tensor/list.h"

#include "ops/op_list.h"

namespace cycloid {

void add_tensor_ops(OpList& list) {
  list.insert(list.end(),
              {
                  &kCenterCropPad, &kCompress,  &kConcat, &kExpand,    &kFlatten, &kGather,          &kGatherElements,
                  &kGatherND,      &kNonZero,   &kOneHot, &kPad,       &kReshape, &kReverseSequence, &kScatterElements,
                  &kScatterND,     &kShape,     &kSize,   &kSlice,     &kSplit,   &kSqueeze,         &kTensorScatter,
                  &kTile,          &kTranspose, &kUnique, &kUnsqueeze,
              });
}

}  // namespace cycloid
