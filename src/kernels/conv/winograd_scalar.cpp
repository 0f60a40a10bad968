#include "kernels/conv/winograd_body.h"

namespace cycloid::kernels {

const WinogradBodies winograd_bodies_scalar = make_winograd_bodies();

}  // namespace cycloid::kernels
