// Bodies of bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/resample/bodies.h"
#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

// kTaps 0: any number.
template <int kTaps>
void blend_taps(const BlendArgs& t) {
  const int64_t taps = kTaps > 0 ? kTaps : t.taps;
  for_each_vector(t.channels, [&]<bool kFull>(int64_t c, Mask mask) {
    Vec sum = set1(t.weights[0]) * load_part<kFull>(t.pixels[0] + c, mask);
    for (int64_t i = 1; i < taps; ++i) sum = fma(set1(t.weights[i]), load_part<kFull>(t.pixels[i] + c, mask), sum);
    store_part<kFull>(t.out + c, sum, mask);
  });
}

// Linear resizing has 4 taps, or 2 and 1 where a sample falls on a row or column.
[[maybe_unused]] void blend(const BlendArgs& t) {
  switch (t.taps) {
    case 1: return blend_taps<1>(t);
    case 2: return blend_taps<2>(t);
    case 4: return blend_taps<4>(t);
    default: return blend_taps<0>(t);
  }
}

}  // namespace
}  // namespace cycloid::kernels
