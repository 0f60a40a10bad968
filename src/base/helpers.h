// Help for a piece of a run that finds work for more than its own thread: threads that wait for it take parts.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/threads.h"

namespace cycloid {

// Of one run by the threads of a team, inside ThreadTeam::assist(). Nothing is allocated.
class Helpers {
 public:
  // `progress`: what threads of the run wait on; it is advanced when there is something to help with. `spin_microseconds`: how
  // long a thread spins for another before it sleeps, as ThreadTeam's.
  Helpers(ThreadTeam::Event& progress, int threads, int spin_microseconds)
      : progress_(progress), threads_(threads), spin_microseconds_(spin_microseconds) {}

  int threads() const { return threads_; }
  int spin_microseconds() const { return spin_microseconds_; }

  // Calls part(i, k) once for each i of [0, parts), on this thread and on those that come to help, and returns when all have
  // returned. k is below threads() and different for calls at the same time, 0 for this thread's. What this thread wrote
  // before is seen by all parts, and what they wrote is seen after. Where others share already, this thread does it all.
  void share(std::int64_t parts, FunctionRef<void(std::int64_t part, int helper)> part);

  // Called by a thread that has nothing else to do: takes parts of what is shared, if anything is.
  void help();

 private:
  struct Job {
    FunctionRef<void(std::int64_t, int)> part;
    std::int64_t parts;
    std::atomic<std::int64_t> next{0};
    std::atomic<int> helpers{0};
  };
  static void work(Job& job, int helper);

  ThreadTeam::Event& progress_;
  const int threads_;
  const int spin_microseconds_;
  std::atomic<bool> taken_{false};  // somebody shares
  std::atomic<Job*> job_{nullptr};
  std::atomic<int> inside_{0};  // threads that may hold job_
};

// The helpers of the run that this thread computes for, or nullptr.
Helpers* current_helpers();

// Work in rounds, as of a recurrence: calls part(r, i) once for each i of [0, parts) in each round r of [0, rounds), no part of a
// round before all of the round before have returned, and what these wrote is seen by it. The current helpers, where there are
// any, meet after each round, which takes some 0.3 us: the i-th thread computes part i in every round, so that it finds what
// belongs to the part in its own cache. A part that its thread has not begun is computed by another one: only a thread that the
// system stops in the middle of a part is waited for.
constexpr int kMostRoundParts = 64;
void share_rounds(std::int64_t rounds, int parts, FunctionRef<void(std::int64_t round, int part)> part);

// They are, as long as it lives.
class HelpersScope {
 public:
  explicit HelpersScope(Helpers* helpers);
  ~HelpersScope();
  HelpersScope(const HelpersScope&) = delete;
  HelpersScope& operator=(const HelpersScope&) = delete;

 private:
  Helpers* before_;
};

}  // namespace cycloid
