#include "kernels/nbits/nbits_body.h"

namespace cycloid::kernels {

const NbitsBodies nbits_bodies_scalar = kNbitsBodies;

}  // namespace cycloid::kernels
