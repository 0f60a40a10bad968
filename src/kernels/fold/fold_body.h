// Bodies of bodies.h for the instruction set of the including translation unit.
#pragma once

#include "kernels/fold/bodies.h"

namespace cycloid::kernels {
namespace {

// Plain loops: the compiler makes vectors of those without a step.
template <class T>
void add_rows(const AddRowsArgs& t) {
  for (int64_t r = 0; r < t.rows; ++r) {
    const T* __restrict x = static_cast<const T*>(t.x) + r * t.x_stride;
    T* __restrict y = static_cast<T*>(t.y) + r * t.y_stride;
    if (t.y_step == 1) {
      for (int64_t j = 0; j < t.columns; ++j) y[j] = static_cast<T>(y[j] + x[j]);
    } else {
      for (int64_t j = 0; j < t.columns; ++j) y[j * t.y_step] = static_cast<T>(y[j * t.y_step] + x[j]);
    }
  }
}

#define CYCLOID_FOLD_BODIES                                                                                            \
  {                                                                                                                    \
    {                                                                                                                  \
      add_rows<float>, add_rows<double>, add_rows<uint8_t>, add_rows<uint16_t>, add_rows<uint32_t>, add_rows<uint64_t> \
    }                                                                                                                  \
  }

}  // namespace
}  // namespace cycloid::kernels
