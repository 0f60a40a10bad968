#include "kernels/qgemm/qtile_body.h"

namespace cycloid::kernels {

// Accumulators take rows * vectors registers.
const QtileKernels qtile_kernels_scalar =
    qtile_table(qtile_panel<1, 4>(), qtile_panel<2, 4>(), qtile_panel<3, 3>(), qtile_panel<4, 2>());

}  // namespace cycloid::kernels
