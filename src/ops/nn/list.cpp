#include "ops/nn/list.h"

#include "ops/op_list.h"

namespace cycloid {

void add_nn_ops(OpList& list) {
  list.insert(list.end(), {
                              &kAveragePool,
                              &kConv,
                              &kGlobalAveragePool,
                              &kGlobalLpPool,
                              &kGlobalMaxPool,
                              &kLpPool,
                              &kMaxPool,
                          });
}

}  // namespace cycloid
