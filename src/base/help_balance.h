// Whether a second thread's help pays on this machine now.
//
// A thread that the system stops in the middle of a piece of work has to be waited for, some milliseconds where another program has
// its processor. Help saves a part of each run, and such waits take it back. So both are booked, as tokens in a bucket: a few
// waits do not matter, and where they cost more than help gives, runs go without it for a while, longer each time that a new
// attempt ends so.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cycloid {

// Times in nanoseconds. One thread at a time.
class HelpBalance {
 public:
  // Before a run.
  bool pays(std::int64_t now) const { return now >= alone_until_; }

  // After a run with help: what that saves, by estimate, and how long the caller slept for others.
  void book(double gain, std::int64_t waited, std::int64_t now) {
    const double most = std::max(kMostGains * gain, kLeastCredit);
    if (fresh_) credit_ = most;
    fresh_ = false;
    credit_ = std::min(most, credit_ + gain) - static_cast<double>(waited);
    if (credit_ < 0) {
      alone_until_ = now + pause_;
      pause_ = std::min(2 * pause_, kLongestPause);
      credit_ = most / 3;
    } else if (credit_ == most) {
      pause_ = kShortestPause;
    }
  }

 private:
  static constexpr double kMostGains = 30, kLeastCredit = 2e6;
  static constexpr std::int64_t kShortestPause = 50'000'000, kLongestPause = 1'000'000'000;

  bool fresh_ = true;
  double credit_ = 0;
  std::int64_t alone_until_ = 0, pause_ = kShortestPause;
};

}  // namespace cycloid
