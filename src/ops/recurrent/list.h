// The recurrent operators.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kDynamicQuantizeLSTM;  // com.microsoft
extern const Op kGRU;
extern const Op kLSTM;
extern const Op kRNN;

}  // namespace cycloid
