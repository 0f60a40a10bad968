#include "ops/contrib/list.h"

#include "ops/op_list.h"

namespace cycloid {

void add_contrib_ops(OpList& list) {
  list.insert(list.end(), {
                              &kBiasGelu,
                              &kEmbedLayerNormalization,
                              &kFastGelu,
                              &kFusedConv,
                              &kFusedGemm,
                              &kFusedMatMul,
                              &kGroupQueryAttention,
                              &kMatMulNBits,
                              &kMicrosoftAttention,
                              &kMicrosoftGelu,
                              &kMicrosoftRotaryEmbedding,
                              &kMultiHeadAttention,
                              &kQAttention,
                              &kQGemm,
                              &kQLinearSoftmax,
                              &kQLinearWhere,
                              &kQuickGelu,
                              &kSimplifiedLayerNormalization,
                              &kSkipLayerNormalization,
                              &kSkipSimplifiedLayerNormalization,
                              &kSolve,
                              &kTokenizer,
                          });
}

}  // namespace cycloid
