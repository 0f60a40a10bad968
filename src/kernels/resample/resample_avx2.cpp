#include "kernels/resample/resample_body.h"

namespace cycloid::kernels {

const ResampleBodies resample_bodies_avx2 = {
    blend, largest, {repeat<uint8_t>, repeat<uint16_t>, repeat<uint32_t>, repeat<uint64_t>}};

}  // namespace cycloid::kernels
