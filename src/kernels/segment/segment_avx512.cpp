#include "kernels/segment/segment_body.h"

namespace cycloid::kernels {

const SegmentBodies segment_bodies_avx512 = kSegmentBodies;

}  // namespace cycloid::kernels
