// Products of quantised tensors: MatMulInteger, QLinearMatMul, ConvInteger, QLinearConv; com.microsoft's
// DynamicQuantizeMatMul and MatMulIntegerToFloat.
#pragma once

#include "ops/op_list.h"

namespace cycloid {

extern const Op kMatMulInteger;
extern const Op kQLinearMatMul;
extern const Op kConvInteger;
extern const Op kQLinearConv;

void add_integer_product_ops(OpList& list);

}  // namespace cycloid
