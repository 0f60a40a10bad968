// What the processor can do: instruction sets the kernels are compiled for, cache sizes, its name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cycloid/result.h"

namespace cycloid {

// The instruction sets that kernels are compiled for, weakest first. kScalar is plain C++ and runs anywhere.
enum class Isa {
  kScalar,
  kAvx2,    // AVX2 + FMA
  kAvx512,  // AVX-512 F, BW, VL, DQ (and AVX2 + FMA)
};

inline constexpr Isa kAllIsas[] = {Isa::kScalar, Isa::kAvx2, Isa::kAvx512};

// "scalar", "avx2" or "avx512": the values of CYCLOID_ISA.
std::string_view to_string(Isa isa);

struct CpuInfo {
  std::string brand;  // as the processor names itself, or "unknown"
  Isa best_isa;       // the strongest that this processor and operating system support
  int64_t l1d_bytes;  // per core
  int64_t l2_bytes;   // per core
  int64_t l3_bytes;   // shared; 0 where there is none
};

// Detected once, at the first call; thread-safe.
const CpuInfo& cpu_info();

inline bool isa_available(Isa isa) { return isa <= cpu_info().best_isa; }

// What AMX's tiles may hold here: the processor has it, and the system lets this process use tiles (Linux is asked once).
struct AmxSupport {
  bool bytes = false;
  bool bfloat16 = false;  // and AVX-512 converts to it
};
const AmxSupport& amx_support();

// The instruction set named by `name`; an empty name means the best one. An unknown or unavailable name is an error.
Result<Isa> parse_isa(std::string_view name);

// The instruction set to use: that named by the environment variable CYCLOID_ISA where it is set, or else the best.
Result<Isa> choose_isa();

}  // namespace cycloid
