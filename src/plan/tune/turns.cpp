#include "plan/tune/turns.h"

#include <algorithm>

namespace cycloid {
namespace {

// Interruptions only lengthen a run, so the lower quartile is nearer to the undisturbed time than the median, and less a matter
// of luck than the least.
double lower_quartile(std::vector<double> samples) {
  const auto at = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 4);
  std::nth_element(samples.begin(), at, samples.end());
  return *at;
}

}  // namespace

std::vector<Timing> time_in_turns(std::span<const std::function<void()>> runs, double budget, const TurnHooks& hooks) {
  const double begin = hooks.now();
  std::vector<std::vector<double>> samples(runs.size());
  std::vector<bool> out(runs.size(), false);
  std::vector<Timing> timings(runs.size());
  for (int turn = 1; turn <= kMaxTurns; ++turn) {
    double best = 0;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      if (out[i]) continue;
      if (hooks.now() - begin > budget) return timings;
      if (turn == 1) runs[i]();
      hooks.before();
      const double start = hooks.now();
      runs[i]();
      samples[i].push_back(hooks.now() - start);
      timings[i] = {lower_quartile(samples[i]), turn};
      if (best == 0 || timings[i].seconds < best) best = timings[i].seconds;
    }
    if (turn == 1) continue;  // which any interruption may have made slow
    const double most = turn >= kLeastTurns ? 1.15 : 1.5;
    for (std::size_t i = 1; i < runs.size(); ++i) out[i] = out[i] || timings[i].seconds > most * best;
    if (std::all_of(out.begin() + 1, out.end(), [](bool is_out) { return is_out; })) break;
  }
  return timings;
}

std::size_t choose_timing(std::span<const Timing> timings) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < timings.size(); ++i) {
    if (timings[i].turns < kLeastTurns || timings[0].turns < kLeastTurns) continue;
    const double limit = best == 0 ? timings[0].seconds * (1 - kLeastGain) : timings[best].seconds;
    if (timings[i].seconds < limit) best = i;
  }
  return best;
}

}  // namespace cycloid
