#include "kernels/qgemm/qtile_body.h"

namespace cycloid::kernels {

// Of 32 registers: rows * vectors sums, a row of B, an element of A, and a product. 12 rows are what there are general registers for.
const QtileKernels qtile_kernels_avx512 = {
    kLanes,
    kWords,
    1,
    false,
    nullptr,
    nullptr,
    {qtile_panel<1, 12>(), qtile_panel<2, 12>(), qtile_panel<3, 8>(), qtile_panel<4, 6>()},
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
