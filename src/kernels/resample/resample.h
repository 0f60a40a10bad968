// The inner loops of resizing images: weighted sums of a few pixels (float32, channels-last), and repeated elements (of any
// type, row-major).
#pragma once

#include <stdint.h>

#include "base/cpu.h"
#include "kernels/resample/bodies.h"

namespace cycloid::kernels {

// For resizing along both axes: an output pixel is the sum of taps_y * taps_x input pixels.
BlendFn blend_kernel(Isa isa);
// The largest of the weighted pixels.
BlendFn largest_kernel(Isa isa);

// For resizing by whole factors to the nearest neighbour; null for elements of other than 1, 2, 4 or 8 bytes.
RepeatFn repeat_kernel(Isa isa, int64_t element_bytes);

}  // namespace cycloid::kernels
