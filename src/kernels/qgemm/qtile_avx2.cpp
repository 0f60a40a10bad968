#include "kernels/qgemm/qtile_body.h"

namespace cycloid::kernels {

// Of 16 registers: rows * vectors sums, a row of B, an element of A, and a product.
const QtileKernels qtile_kernels_avx2 = {
    kLanes,
    kWords,
    1,
    false,
    nullptr,
    nullptr,
    {qtile_panel<1, 8>(), qtile_panel<2, 5>(), qtile_panel<3, 3>(), qtile_panel<4, 2>()},
    to_bytes,
    to_floats,
    widen,
    quantize_row,
    dequantize_row,
    binary_row,
    range,
    max_pool,
    column_sums,
    correct,
    interleave,
    depthwise_row,
};

}  // namespace cycloid::kernels
