#include "kernels/half/half.h"

#include "kernels/isa_table.h"

namespace cycloid::kernels {

const HalfBodies& half_kernels(Isa isa) { return CYCLOID_ISA_TABLE(isa, half_bodies); }

}  // namespace cycloid::kernels
