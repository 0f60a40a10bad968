#include "kernels/move/transpose.h"

#include "kernels/isa_table.h"

namespace cycloid::kernels {

TransposeFn transpose_kernel(Isa isa, int64_t element_bytes) {
  const TransposeBodies& bodies = CYCLOID_ISA_TABLE(isa, transpose_bodies);
  switch (element_bytes) {
    case 1: return bodies.by_log2[0];
    case 2: return bodies.by_log2[1];
    case 4: return bodies.by_log2[2];
    case 8: return bodies.by_log2[3];
    default: return nullptr;
  }
}

}  // namespace cycloid::kernels
