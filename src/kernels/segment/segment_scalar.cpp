#include "kernels/segment/segment_body.h"

namespace cycloid::kernels {

const SegmentBodies segment_bodies_scalar = kSegmentBodies;

}  // namespace cycloid::kernels
