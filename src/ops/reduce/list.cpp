#include "ops/op_list.h"
#include "ops/reduce/lane_ops.h"
#include "ops/reduce/reduction.h"

namespace cycloid {

void add_reduce_ops(OpList& list) {
  list.insert(list.end(), {&kArgMax, &kArgMin, &kCumProd, &kCumSum, &kTopK});
  add_reduction_ops(list);
}

}  // namespace cycloid
