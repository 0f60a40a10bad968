#include "kernels/conv/winograd_rows_body.h"

namespace cycloid::kernels {

const WinogradRowsBodies winograd_rows_bodies_avx512 = make_winograd_rows_bodies();

}  // namespace cycloid::kernels
