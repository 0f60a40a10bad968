#include "kernels/interleave/interleave_body.h"

namespace cycloid::kernels {

const InterleaveFn interleave_avx2 = interleave;
const SeparateFn separate_avx2 = separate;

}  // namespace cycloid::kernels
