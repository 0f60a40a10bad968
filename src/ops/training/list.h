// The optimisers of ai.onnx.preview.training.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kAdagrad;
extern const Op kAdam;
extern const Op kMomentum;

}  // namespace cycloid
