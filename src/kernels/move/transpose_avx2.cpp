#include "kernels/move/transpose_body.h"

namespace cycloid::kernels {

void transpose_avx2(const TransposeArgs& t) { transpose_blocks(t); }

}  // namespace cycloid::kernels
