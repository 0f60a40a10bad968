#include "kernels/nbits/nbits_body.h"

namespace cycloid::kernels {

const NbitsBodies nbits_bodies_avx512 = kNbitsBodies;

}  // namespace cycloid::kernels
