// Help for a piece of a run that finds work for more than its own thread: threads that wait for it take parts.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/threads.h"

namespace cycloid {

// Of one run by the threads of a team, inside ThreadTeam::assist(). Nothing is allocated.
class Helpers {
 public:
  // What threads of the run wait on; it is advanced when there is something to help with.
  Helpers(ThreadTeam::Event& progress, int threads) : progress_(progress), threads_(threads) {}

  int threads() const { return threads_; }

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
  std::atomic<bool> taken_{false};  // somebody shares
  std::atomic<Job*> job_{nullptr};
  std::atomic<int> inside_{0};  // threads that may hold job_
};

// The helpers of the run that this thread computes for, or nullptr.
Helpers* current_helpers();

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
