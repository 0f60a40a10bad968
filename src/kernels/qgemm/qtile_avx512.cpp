#include "kernels/qgemm/qtile_body.h"

namespace cycloid::kernels {

// Of 32 registers: rows * vectors sums, a row of B, an element of A, and a product. 12 rows are what there are general registers for.
const QtileKernels qtile_kernels_avx512 =
    qtile_table(qtile_panel<1, 12>(), qtile_panel<2, 12>(), qtile_panel<3, 8>(), qtile_panel<4, 6>());

}  // namespace cycloid::kernels
