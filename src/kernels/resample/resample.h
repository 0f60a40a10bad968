// Weighted sums of a few pixels, the inner loop of resizing an image: float32, channels-last.
#pragma once

#include <stdint.h>

#include "base/cpu.h"
#include "kernels/resample/bodies.h"

namespace cycloid::kernels {

// For resizing along both axes: an output pixel is the sum of taps_y * taps_x input pixels.
BlendFn blend_kernel(Isa isa);

}  // namespace cycloid::kernels
