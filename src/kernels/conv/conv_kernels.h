// The makers of the convolution kernels that manifest.inc lists.
#pragma once

#include "kernels/conv/conv.h"
#include "kernels/igemm/epilogue.h"

namespace cycloid::kernels {

#define CYCLOID_CONV(algorithm, isa, enumerator) ConvKernel conv_##algorithm##_kernel(std::string_view name, Isa isa_of);
#include "kernels/conv/manifest.inc"
#undef CYCLOID_CONV

}  // namespace cycloid::kernels
