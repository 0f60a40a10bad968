#include "kernels/conv/winograd_body.h"

namespace cycloid::kernels {

const WinogradBodies winograd_bodies_scalar = {
    kLanes, {winograd_input<2>, winograd_input<4>}, {winograd_output<2>, winograd_output<4>}};

}  // namespace cycloid::kernels
