// acc += x * y, in place.
//
// g++ 12 left alone takes the forms of the instruction that overwrite x or y, moves accumulators about and spills them where
// they fill the registers: a tile of 14 rows and 2 vectors fell to 70 % of peak on a core that starts two multiply-adds a
// cycle, and reaches 87 % with this.
#pragma once

#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

CYCLOID_INLINE void accumulate(Vec& acc, Vec x, Vec y) {
#if defined(__AVX512F__)
  __asm__("vfmadd231ps %2, %1, %0" : "+v"(acc.v) : "v"(x.v), "v"(y.v));
#elif defined(__AVX2__)
  __asm__("vfmadd231ps %2, %1, %0" : "+x"(acc.v) : "x"(x.v), "x"(y.v));
#else
  acc = fma(x, y, acc);
#endif
}

}  // namespace
}  // namespace cycloid::kernels
