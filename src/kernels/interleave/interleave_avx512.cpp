#include "kernels/interleave/interleave_body.h"

namespace cycloid::kernels {

const InterleaveFn interleave_avx512 = interleave;
const SeparateFn separate_avx512 = separate;

}  // namespace cycloid::kernels
