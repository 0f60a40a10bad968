#include "ops/vision/list.h"

#include "ops/op_list.h"

namespace cycloid {

void add_vision_ops(OpList& list) {
  list.insert(list.end(), {
                              &kAffineGrid,
                              &kCol2Im,
                              &kDeformConv,
                              &kGridSample,
                              &kMaxRoiPool,
                              &kMaxUnpool,
                              &kNonMaxSuppression,
                              &kRoiAlign,
                          });
}

}  // namespace cycloid
