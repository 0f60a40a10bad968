#include "kernels/bf16x3/bf16x3.h"

#include "base/cpu.h"

namespace cycloid::kernels {

const Bf16x3Bodies* bf16x3_bodies() {
#if defined(__x86_64__)
  return amx_support().bfloat16 ? &bf16x3_bodies_avx512amx : nullptr;
#else
  return nullptr;
#endif
}

}  // namespace cycloid::kernels
