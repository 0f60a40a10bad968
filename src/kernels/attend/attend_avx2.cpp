#include "kernels/attend/attend_body.h"

namespace cycloid::kernels {

const AttendBodies attend_bodies_avx2 = kAttendBodies;

}  // namespace cycloid::kernels
