#include "base/cpu.h"

#include <unistd.h>

#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include <cstdlib>
#include <cstring>

#include "base/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace cycloid {
namespace {

Isa detect_isa() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  const bool f16c = __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && f16c;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (avx2 && avx512) return Isa::kAvx512;
  if (avx2) return Isa::kAvx2;
#endif
  return Isa::kScalar;
}

std::string detect_brand() {
#if defined(__x86_64__)
  unsigned words[12] = {};
  unsigned max_leaf = 0, unused = 0;
  if (__get_cpuid(0x80000000u, &max_leaf, &unused, &unused, &unused) && max_leaf >= 0x80000004u) {
    for (unsigned i = 0; i < 3; ++i) {
      __get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]);
    }
    char text[49] = {};
    std::memcpy(text, words, 48);
    std::string brand(text);
    const size_t first = brand.find_first_not_of(' ');
    if (first != std::string::npos) return brand.substr(first, brand.find_last_not_of(' ') - first + 1);
  }
#endif
  return "unknown";
}

int64_t cache_bytes(int name, int64_t fallback) {
  const long bytes = sysconf(name);
  return bytes > 0 ? bytes : fallback;
}

CpuInfo detect() {
  // The fallbacks are the smallest sizes of the x86-64 server cores of the last ten years.
  return {detect_brand(), detect_isa(), cache_bytes(_SC_LEVEL1_DCACHE_SIZE, 32 << 10),
          cache_bytes(_SC_LEVEL2_CACHE_SIZE, 256 << 10), cache_bytes(_SC_LEVEL3_CACHE_SIZE, 0)};
}

AmxSupport detect_amx() {
  AmxSupport amx;
#if defined(__x86_64__) && defined(__linux__)
  constexpr long kRequestPermission = 0x1023;                                     // ARCH_REQ_XCOMP_PERM of asm/prctl.h
  constexpr long kTileData = 18;                                                  // the state component's number
  constexpr unsigned kTiles = 1u << 24, kBytes = 1u << 25, kBfloat16 = 1u << 22;  // of edx
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (detect_isa() != Isa::kAvx512 || __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0 || (edx & kTiles) == 0 ||
      syscall(SYS_arch_prctl, kRequestPermission, kTileData) != 0)
    return amx;
  amx.bytes = (edx & kBytes) != 0 && __builtin_cpu_supports("avx512vnni");
  amx.bfloat16 = (edx & kBfloat16) != 0 && __builtin_cpu_supports("avx512bf16");
#endif
  return amx;
}

}  // namespace

const AmxSupport& amx_support() {
  static const AmxSupport amx = detect_amx();
  return amx;
}

std::string_view to_string(Isa isa) {
  switch (isa) {
    case Isa::kScalar: return "scalar";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
  }
  return "unknown";
}

const CpuInfo& cpu_info() {
  static const CpuInfo info = detect();
  return info;
}

Result<Isa> parse_isa(std::string_view name) {
  if (name.empty()) return cpu_info().best_isa;
  for (const Isa isa : kAllIsas) {
    if (name != to_string(isa)) continue;
    if (isa_available(isa)) return isa;
    return make_error(ErrorCode::kUnavailable,
                      "instruction set '{}' is not available on this processor ({}); best is '{}'", name,
                      cpu_info().brand, to_string(cpu_info().best_isa));
  }
  return invalid_argument("unknown instruction set '{}'; use scalar, avx2 or avx512", name);
}

Result<Isa> choose_isa() {
  const char* name = std::getenv("CYCLOID_ISA");
  return parse_isa(name == nullptr ? "" : name).in("CYCLOID_ISA");
}

}  // namespace cycloid
