// Operators of com.microsoft, ONNX Runtime's own domain, that models contain which were optimised for it or exported by its
// tools. What each means is what ONNX Runtime's CPU provider computes.
#pragma once

#include "ops/op.h"

namespace cycloid {

inline constexpr std::string_view kMicrosoft = "com.microsoft";

extern const Op kBiasGelu;
extern const Op kEmbedLayerNormalization;
extern const Op kFastGelu;
extern const Op kFusedConv;
extern const Op kFusedGemm;
extern const Op kFusedMatMul;
extern const Op kMicrosoftAttention;
extern const Op kMicrosoftGelu;
extern const Op kGroupQueryAttention;
extern const Op kMatMulNBits;
extern const Op kMicrosoftRotaryEmbedding;
extern const Op kMultiHeadAttention;
extern const Op kQAttention;
extern const Op kQGemm;
extern const Op kQLinearSoftmax;
extern const Op kQLinearWhere;
extern const Op kQuickGelu;
extern const Op kSimplifiedLayerNormalization;
extern const Op kSkipLayerNormalization;
extern const Op kSkipSimplifiedLayerNormalization;
extern const Op kSolve;
extern const Op kTokenizer;

}  // namespace cycloid
