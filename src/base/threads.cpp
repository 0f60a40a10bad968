#include "base/threads.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <ctime>
#include <system_error>

#include "base/cgroup.h"
#include "base/denormal.h"
#include "base/error.h"
#include "base/spin_lock.h"

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace cycloid {
namespace {

// std::atomic::wait would do, but its notify looks into a table shared by the whole process and may wake for a
// stranger; a futex of our own makes no system call when nobody sleeps.
void sleep_while(std::atomic<uint32_t>& value, uint32_t old) {
#if defined(__linux__)
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&value), FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
#else
  value.wait(old);
#endif
}

// May end early.
void sleep_while(std::atomic<uint32_t>& value, uint32_t old, std::chrono::nanoseconds most) {
#if defined(__linux__)
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(most);
  const timespec time{.tv_sec = static_cast<time_t>(seconds.count()), .tv_nsec = (most - seconds).count()};
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&value), FUTEX_WAIT_PRIVATE, old, &time, nullptr, 0);
#else
  if (value.load() == old) std::this_thread::sleep_for(std::min(most, std::chrono::nanoseconds(200'000)));
#endif
}

void wake_all(std::atomic<uint32_t>& value) {
#if defined(__linux__)
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&value), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
#else
  value.notify_all();
#endif
}

// ThreadTeam::door_.
constexpr uint64_t kOpen = uint64_t{1} << 16, kInside = kOpen - 1;
constexpr uint64_t kAgain = kOpen << 1;  // more than once an epoch
constexpr int kEpochShift = 32;

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu >= CPU_SETSIZE) return;
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);  // a refusal only costs speed
}

}  // namespace

bool ThreadTeam::Event::spin_while(uint32_t old, int spin_microseconds) const {
  if (value.load(std::memory_order_acquire) != old) return true;
  if (spin_microseconds <= 0) return false;
  // The clock takes ~20 ns without a system call; 16 pauses in between keep it off the shared line's path.
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(spin_microseconds);
  do {
    for (int i = 0; i < 16; ++i) {
      if (value.load(std::memory_order_acquire) != old) return true;
      pause_cpu();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

int64_t ThreadTeam::Event::wait_while(uint32_t old, int spin_microseconds) {
  if (spin_while(old, spin_microseconds)) return 0;
  const auto begin = std::chrono::steady_clock::now();
  // advance() adds first and reads `sleepers` after; here it is the other way round, both sequentially consistent, so
  // one of the two sees the other and no wake is lost.
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  while (value.load(std::memory_order_seq_cst) == old) sleep_while(value, old);
  sleepers.fetch_sub(1, std::memory_order_relaxed);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin).count();
}

bool ThreadTeam::Event::wait_for(uint32_t old, int spin_microseconds, std::chrono::nanoseconds most) {
  if (spin_while(old, spin_microseconds)) return true;
  sleepers.fetch_add(1, std::memory_order_seq_cst);  // as above
  if (value.load(std::memory_order_seq_cst) == old) sleep_while(value, old, most);
  sleepers.fetch_sub(1, std::memory_order_relaxed);
  return value.load(std::memory_order_acquire) != old;
}

void ThreadTeam::Event::advance() {
  value.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers.load(std::memory_order_seq_cst) != 0) wake_all(value);
}

ThreadTeam::ThreadTeam(const ThreadTeamOptions& options, int size)
    : size_(size),
      flush_denormals_(options.flush_denormals),
      allowed_cpus_(options.pin ? std::vector<int>() : allowed_cpus()),
      spin_microseconds_(options.spin_microseconds) {
  if (size > usable_cpus()) spin_microseconds_ = 0;  // the thread waited for may need this very processor
}

Result<std::unique_ptr<ThreadTeam>> ThreadTeam::create(const ThreadTeamOptions& options) {
  if (options.threads < 0 || options.threads > kMaxThreads) {
    return invalid_argument("cannot use {} threads; use 1 to {}, or 0 for all allowed processors", options.threads,
                            kMaxThreads);
  }
  const int size = options.threads == 0 ? usable_cpus() : options.threads;
  std::unique_ptr<ThreadTeam> team(new ThreadTeam(options, size));
  const std::vector<int> cpus = options.pin ? allowed_cpus() : std::vector<int>();
  team->workers_.reserve(static_cast<size_t>(size - 1));
  for (int i = 1; i < size; ++i) {
    const int cpu = cpus.empty() ? -1 : cpus[static_cast<size_t>(i) % cpus.size()];
    try {
      team->workers_.emplace_back([t = team.get(), i, cpu] {
        if (cpu >= 0) pin_to(cpu);
        t->work(i);
      });
    } catch (const std::system_error& error) {
      return make_error(ErrorCode::kResourceExhausted, "cannot start thread {} of {}: {}", i + 1, size, error.what());
    }
  }
  return team;
}

ThreadTeam::~ThreadTeam() {
  stopping_.store(true, std::memory_order_relaxed);
  started_.advance();
  for (std::thread& worker : workers_) worker.join();
}

bool ThreadTeam::enter(uint32_t& last_epoch) {
  uint64_t door = door_.load(std::memory_order_acquire);
  while ((door & kOpen) != 0 && ((door & kAgain) != 0 || static_cast<uint32_t>(door >> kEpochShift) != last_epoch)) {
    if (!door_.compare_exchange_weak(door, door + 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
    last_epoch = static_cast<uint32_t>(door >> kEpochShift);
    return true;
  }
  return false;
}

void ThreadTeam::leave_callers_cpu() const {
  const int caller = caller_cpu_.load(std::memory_order_relaxed);
  if (allowed_cpus_.size() < 2 || caller < 0 || sched_getcpu() != caller) return;
  cpu_set_t others;
  CPU_ZERO(&others);
  for (const int cpu : allowed_cpus_) {
    if (cpu != caller && cpu < CPU_SETSIZE) CPU_SET(cpu, &others);
  }
  if (CPU_COUNT(&others) > 0) pthread_setaffinity_np(pthread_self(), sizeof(others), &others);
}

void ThreadTeam::work(int thread) {
  const FlushDenormals flush(flush_denormals_);
  uint32_t seen = 0, last_epoch = 0;
  for (;;) {
    started_.wait_while(seen, spin_microseconds_);
    seen = started_.value.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_relaxed)) return;
    leave_callers_cpu();
    for (;;) {
      const uint32_t progress = progress_.value.load(std::memory_order_acquire);
      if (!enter(last_epoch)) break;
      (*body_)(thread);
      left_.fetch_add(1, std::memory_order_relaxed);
      const bool again = (door_.fetch_sub(1, std::memory_order_acq_rel) & kAgain) != 0;
      finished_.advance();
      if (!again) break;
      progress_.wait_while(progress, spin_microseconds_);
    }
  }
}

void ThreadTeam::open(const FunctionRef<void(int)>& body, uint64_t mode) {
  body_ = &body;
  if (++epoch_ == 0) ++epoch_;
  left_.store(0, std::memory_order_relaxed);
  caller_cpu_.store(sched_getcpu(), std::memory_order_relaxed);
  door_.store(uint64_t{epoch_} << kEpochShift | mode, std::memory_order_release);
  started_.advance();
}

int64_t ThreadTeam::wait_until_empty() {
  for (int64_t slept = 0;;) {
    const uint32_t finished = finished_.value.load(std::memory_order_acquire);
    if ((door_.load(std::memory_order_acquire) & kInside) == 0) return slept;
    slept += finished_.wait_while(finished, spin_microseconds_);
  }
}

void ThreadTeam::run(FunctionRef<void(int thread)> body) {
  const FlushDenormals flush(flush_denormals_);
  if (size_ == 1) return body(0);
  open(body, kOpen);
  body(0);
  for (;;) {
    const uint32_t finished = finished_.value.load(std::memory_order_acquire);
    if (left_.load(std::memory_order_acquire) == size_ - 1) break;
    finished_.wait_while(finished, spin_microseconds_);
  }
  wait_until_empty();
  door_.fetch_and(~kOpen, std::memory_order_acq_rel);
}

int64_t ThreadTeam::assist(FunctionRef<void(int thread)> body) {
  const FlushDenormals flush(flush_denormals_);
  if (size_ == 1) {
    body(0);
    return 0;
  }
  open(body, kOpen | kAgain);
  body(0);
  door_.fetch_and(~kOpen, std::memory_order_acq_rel);
  progress_.advance();  // for those who wait to come again
  return wait_until_empty();
}

void ThreadTeam::barrier() {
  if (size_ == 1) return;
  const uint32_t passed = released_.value.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == size_ - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    released_.advance();
  } else {
    released_.wait_while(passed, spin_microseconds_);
  }
}

}  // namespace cycloid
