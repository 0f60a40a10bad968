#include "kernels/attend/attend_body.h"

namespace cycloid::kernels {

const AttendBodies attend_bodies_scalar = kAttendBodies;

}  // namespace cycloid::kernels
