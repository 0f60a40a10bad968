// The makers of the convolution kernels that manifest.inc lists.
#pragma once

#include "kernels/conv/conv.h"
#include "kernels/igemm/epilogue.h"

namespace cycloid::kernels {

ConvKernel conv_igemm_kernel(std::string_view name, Isa isa);
ConvKernel conv_depthwise_kernel(std::string_view name, Isa isa);

}  // namespace cycloid::kernels
