#include "kernels/interleave/interleave_body.h"

namespace cycloid::kernels {

const InterleaveFn interleave_scalar = interleave;
const SeparateFn separate_scalar = separate;

}  // namespace cycloid::kernels
