#include "kernels/move/transpose_body.h"

namespace cycloid::kernels {

void transpose_avx512(const TransposeArgs& t) { transpose_blocks(t); }

}  // namespace cycloid::kernels
