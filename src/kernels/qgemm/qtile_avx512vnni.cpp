#include "kernels/qgemm/qtile_body.h"

namespace cycloid::kernels {

// As avx512, with the mask that flips signs in place of the product.
const QtileKernels qtile_kernels_avx512vnni =
    qtile_table(qtile_panel<1, 12>(), qtile_panel<2, 12>(), qtile_panel<3, 8>(), qtile_panel<4, 6>());

}  // namespace cycloid::kernels
