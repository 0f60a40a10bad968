#pragma once

#include "cycloid/dtype.h"

namespace cycloid {

// Of 16 bits: kernels compute with these in float32.
constexpr bool is_half(DType dtype) { return dtype == DType::kFloat16 || dtype == DType::kBFloat16; }

}  // namespace cycloid
