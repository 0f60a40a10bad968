// com.microsoft's operators on quantised tensors that exported models contain: QLinearAdd, QLinearMul, QLinearSigmoid,
// QLinearLeakyRelu, QLinearGlobalAveragePool, QLinearConcat.
// Source of their meaning: docs/ContribOperators.md of onnxruntime.
#pragma once

#include "ops/op_list.h"

namespace cycloid {

void add_qlinear_ops(OpList& list);

}  // namespace cycloid
