// Which of three per-ISA tables to use; builds for other processors than x86-64 have only the scalar one.
#pragma once

#include "base/cpu.h"

#if defined(__x86_64__)
#define CYCLOID_ISA_TABLE(isa, name) \
  ((isa) == ::cycloid::Isa::kAvx512 ? name##_avx512 : (isa) == ::cycloid::Isa::kAvx2 ? name##_avx2 : name##_scalar)
#else
#define CYCLOID_ISA_TABLE(isa, name) (static_cast<void>(isa), name##_scalar)
#endif
