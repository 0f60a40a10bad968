#include "kernels/qgemm/qtile_body.h"

namespace cycloid::kernels {

// Of 16 registers: rows * vectors sums, a row of B, an element of A, and a product.
const QtileKernels qtile_kernels_avx2 =
    qtile_table(qtile_panel<1, 8>(), qtile_panel<2, 5>(), qtile_panel<3, 3>(), qtile_panel<4, 2>());

}  // namespace cycloid::kernels
