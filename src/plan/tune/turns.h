// Which of several functions takes the least time, when the machine is noisy and time is bounded. The clock is given, so that
// tests bring their own.
#pragma once

#include <functional>
#include <span>
#include <vector>

namespace cycloid {

struct TurnHooks {
  std::function<double()> now;           // seconds, steady
  std::function<void()> before = [] {};  // each timed run, untimed: brings the caches into the state of a run
};

struct Timing {
  double seconds = 0;  // the lower quartile of the turns
  int turns = 0;       // 0: there was no time left for it
};

// Times the runs in turns, each once a turn, first to last, for about `budget` seconds or kMaxTurns; the first run of each is not
// timed. Those that are clearly slower than the best so far (1.5 times after two turns, 1.15 times after five) drop out;
// the first, which is what there is without tuning, stays to the end.
std::vector<Timing> time_in_turns(std::span<const std::function<void()>> runs, double budget, const TurnHooks& hooks);

// The run to choose: the fastest, if it is faster than the first by more than a noisy clock makes two equal ones differ
// (kLeastGain), and was timed in at least kLeastTurns; else the first, 0.
std::size_t choose_timing(std::span<const Timing> timings);

inline constexpr int kMaxTurns = 25;
inline constexpr int kLeastTurns = 5;
inline constexpr double kLeastGain = 0.03;

}  // namespace cycloid
