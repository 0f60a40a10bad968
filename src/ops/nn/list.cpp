#include "ops/nn/list.h"

#include "ops/op_list.h"

namespace cycloid {

void add_nn_ops(OpList& list) {
  list.insert(list.end(), {
                              &kAttention,
                              &kAveragePool,
                              &kCausalConvWithState,
                              &kConv,
                              &kConvTranspose,
                              &kDepthToSpace,
                              &kFlexAttention,
                              &kGlobalAveragePool,
                              &kGlobalLpPool,
                              &kGlobalMaxPool,
                              &kLinearAttention,
                              &kLpPool,
                              &kMaxPool,
                              &kResize,
                              &kRotaryEmbedding,
                              &kSpaceToDepth,
                          });
}

}  // namespace cycloid
