// Concat: tensors joined along an axis.
#pragma once

#include <span>

#include "tensor/tensor.h"

namespace cycloid {

// The tensors, one or more of one dtype and rank, joined along `axis`, which may be negative.
Result<Tensor> concatenate(std::span<const Tensor* const> tensors, std::int64_t axis);

}  // namespace cycloid
