// A fixed team of threads that enter a piece of code together, for work of microseconds.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/help_balance.h"
#include "cycloid/result.h"

namespace cycloid {

template <class Signature>
class FunctionRef;

// A reference to something callable: no copy, no allocation. What it refers to must outlive it.
template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef> && std::is_invocable_r_v<R, F&, Args...>)
  FunctionRef(F&& f)  // NOLINT(google-explicit-constructor)
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<Args>(args)...);
        }) {}

  R operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

struct ThreadTeamOptions {
  int threads = 0;  // with the caller of run(); 0 means usable_cpus()
  // Ties worker i to the i-th allowed processor (the caller is left alone). Off by default: a tied thread cannot move
  // away from a processor that another program keeps busy.
  bool pin = false;
  bool flush_denormals = true;  // in every thread while it is inside run()
  // How long a thread spins for an event before it sleeps. Longer than what interrupts the thread that it waits for on a virtual machine
  // (20 to 50 µs, some 300 times a second on ours): whoever sleeps then has to be woken, which took another 50 µs and more, so that
  // with 20 µs p99 of a run of 15 µs was 75 µs, and is 29 with 60. On a machine that other programs keep busy, spinning is time
  // that they or the other thread could use: with 100 µs p99 was longer again. Threads in excess of the usable processors never spin.
  int spin_microseconds = 60;
};

// `size()` threads, of which the caller of run() is thread 0. Between runs, workers spin for a short bound and then
// sleep. run() allocates nothing, and makes a system call only to wake a thread that sleeps, to sleep itself, or to leave the
// caller's processor: a worker that finds itself there, while it may use others, keeps to these from then on. It could only take time
// from the caller, and systems do put it there: Linux thinks an idle processor of a virtual machine taken, and wakes a thread on
// that of its waker (two threads were then as fast as one, for up to a second).
class ThreadTeam {
 public:
  // Fails where the system gives no thread, or on more than kMaxThreads.
  static Result<std::unique_ptr<ThreadTeam>> create(const ThreadTeamOptions& options = {});
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  static constexpr int kMaxThreads = 1024;

  // A counter that threads wait on to change: spin for a bound, then sleep.
  struct alignas(64) Event {
    std::atomic<uint32_t> value{0};
    std::atomic<uint32_t> sleepers{0};
    // Whether the value changed from `old` within the time.
    bool spin_while(uint32_t old, int spin_microseconds) const;
    // Returns how long it slept, in nanoseconds.
    int64_t wait_while(uint32_t old, int spin_microseconds);
    // The same, but sleeps no longer than `most`: whether the value changed from `old` by then.
    bool wait_for(uint32_t old, int spin_microseconds, std::chrono::nanoseconds most);
    void advance();  // value + 1, and wakes all
  };

  int size() const { return size_; }
  // For Events that this team's threads wait on.
  int spin_microseconds() const { return spin_microseconds_; }

  // Calls body(i) once on each thread i of [0, size()) and returns when all have returned. What a thread wrote before
  // is seen by all after. `body` must not throw and must not call run(). One caller at a time: callers from several
  // threads must take turns (each session has a team of its own).
  void run(FunctionRef<void(int thread)> body);

  // Calls body(0) on the caller, and body(i) on each worker i that comes before body(0) has returned; returns when these
  // have returned. So a worker that the system does not run now is not waited for: the body must do all the work by
  // itself where it gets no help, and a worker leaves it when there is nothing to do but wait. It is then called again
  // when progress() has advanced, as long as body(0) goes on. What a thread wrote before is seen by all after.
  // Returns how long the caller slept for workers to leave, in nanoseconds: they were stopped inside.
  int64_t assist(FunctionRef<void(int thread)> body);
  // Whether help pays now; for the callers of assist().
  HelpBalance& balance() { return balance_; }
  // For the body of assist() to wait on, and to advance when there may be something to do again.
  Event& progress() { return progress_; }

  // Inside run(): returns when all size() threads have called it; each must call it as often as the others.
  // What a thread wrote before is seen by all after.
  void barrier();

 private:
  explicit ThreadTeam(const ThreadTeamOptions& options, int size);
  void work(int thread);
  void open(const FunctionRef<void(int)>& body, uint64_t mode);
  bool enter(uint32_t& last_epoch);
  int64_t wait_until_empty();
  void leave_callers_cpu() const;

  const int size_;
  const bool flush_denormals_;
  const std::vector<int> allowed_cpus_;  // among which workers leave the caller's; empty: they stay
  int spin_microseconds_;
  std::atomic<int> caller_cpu_{-1};  // when the current epoch began
  // Workers pass this door into the body: the number of those inside, whether it is open, and in the upper half the epoch, so
  // that each enters once an epoch.
  alignas(64) std::atomic<uint64_t> door_{0};
  Event started_;   // counts epochs
  Event finished_;  // counts workers that left the body
  Event progress_;
  Event released_;                           // counts barriers passed
  alignas(64) std::atomic<int> left_{0};     // workers that left the current epoch's body
  alignas(64) std::atomic<int> arrived_{0};  // threads at the current barrier
  std::atomic<bool> stopping_{false};
  uint32_t epoch_ = 0;
  HelpBalance balance_;
  const FunctionRef<void(int)>* body_ = nullptr;
  std::vector<std::thread> workers_;
};

// The part of `units` work units that belongs to `thread` of `threads`: contiguous, in order, sizes differ by at
// most 1.
struct UnitRange {
  int64_t begin, end;
};
constexpr UnitRange split_units(int64_t units, int thread, int threads) {
  const int64_t each = units / threads, rest = units % threads;
  const int64_t begin = each * thread + (thread < rest ? thread : rest);
  return {begin, begin + each + (thread < rest ? 1 : 0)};
}

}  // namespace cycloid
