// A lock for sections of nanoseconds: spins for a bounded time, then sleeps.
#pragma once

#include <atomic>

namespace cycloid {

// Between two looks at what another thread writes.
inline void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Meets the standard's Lockable, so std::lock_guard takes it.
class SpinLock {
 public:
  void lock() {
    constexpr int kSpins = 2000;  // some µs
    for (;;) {
      for (int i = 0; i < kSpins; ++i) {
        if (try_lock()) return;
        pause_cpu();
      }
      locked_.wait(true, std::memory_order_relaxed);
    }
  }
  bool try_lock() {
    return !locked_.load(std::memory_order_relaxed) && !locked_.exchange(true, std::memory_order_acquire);
  }
  void unlock() {
    locked_.store(false, std::memory_order_release);
    locked_.notify_one();  // no system call where nobody sleeps
  }

 private:
  std::atomic<bool> locked_{false};
};

}  // namespace cycloid
