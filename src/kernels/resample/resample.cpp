#include "kernels/resample/resample.h"

#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

const ResampleBodies& bodies(Isa isa) { return CYCLOID_ISA_TABLE(isa, resample_bodies); }

}  // namespace

BlendFn blend_kernel(Isa isa) { return bodies(isa).blend; }
BlendFn largest_kernel(Isa isa) { return bodies(isa).largest; }

RepeatFn repeat_kernel(Isa isa, int64_t element_bytes) {
  switch (element_bytes) {
    case 1: return bodies(isa).repeat[0];
    case 2: return bodies(isa).repeat[1];
    case 4: return bodies(isa).repeat[2];
    case 8: return bodies(isa).repeat[3];
    default: return nullptr;
  }
}

}  // namespace cycloid::kernels
