#include "kernels/move/transpose.h"

#include "kernels/isa_table.h"

namespace cycloid::kernels {

TransposeFn transpose_kernel(Isa isa) { return CYCLOID_ISA_TABLE(isa, transpose); }

}  // namespace cycloid::kernels
