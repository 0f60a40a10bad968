#include "kernels/interleave/interleave.h"

#include "kernels/isa_table.h"

namespace cycloid::kernels {

InterleaveFn interleave_kernel(Isa isa) { return CYCLOID_ISA_TABLE(isa, interleave); }
SeparateFn separate_kernel(Isa isa) { return CYCLOID_ISA_TABLE(isa, separate); }

}  // namespace cycloid::kernels
