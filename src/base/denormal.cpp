#include "base/denormal.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace cycloid {
namespace {

#if defined(__x86_64__)
constexpr unsigned long long kFlushBits = 0x8040;  // MXCSR: flush to zero (bit 15), denormals are zero (bit 6)
unsigned long long read_control() { return _mm_getcsr(); }
void write_control(unsigned long long bits) { _mm_setcsr(static_cast<unsigned>(bits)); }
#elif defined(__aarch64__)
constexpr unsigned long long kFlushBits = 1ull << 24;  // FPCR.FZ
unsigned long long read_control() {
  unsigned long long bits;
  __asm__ volatile("mrs %0, fpcr" : "=r"(bits));
  return bits;
}
void write_control(unsigned long long bits) { __asm__ volatile("msr fpcr, %0" ::"r"(bits)); }
#else
constexpr unsigned long long kFlushBits = 0;
unsigned long long read_control() { return 0; }
void write_control(unsigned long long) {}
#endif

}  // namespace

FlushDenormals::FlushDenormals(bool on) {
  if (!on) return;
  former_ = read_control();
  if ((former_ & kFlushBits) == kFlushBits) return;
  write_control(former_ | kFlushBits);
  changed_ = true;
}

FlushDenormals::~FlushDenormals() {
  // Only the mode bits are put back, so that exception flags raised meanwhile stay.
  if (changed_) write_control((read_control() & ~kFlushBits) | (former_ & kFlushBits));
}

bool denormals_flushed() { return kFlushBits != 0 && (read_control() & kFlushBits) == kFlushBits; }

}  // namespace cycloid
