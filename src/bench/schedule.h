// The policy of a measurement: how many runs, in which order. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cycloid {

// Rounds for `loops` timed runs when the user names none: short rounds (32 runs, fewer when there are few), so that all
// participants see the same states of the machine; at least 8, so that there is an interval; at most 32 as long as
// rounds of 256 runs suffice, because each round costs a fetch and a check of the outputs.
int default_rounds(std::int64_t loops);

// The timed runs of each round: they differ by at most one and add up to `loops`. Needs 1 <= rounds <= loops.
std::vector<std::int64_t> loops_per_round(std::int64_t loops, int rounds);

// The order of the participants in a round: a permutation, the same for the same seed.
std::vector<std::size_t> turn_order(std::size_t participants, int round, std::uint64_t seed);

// How long to warm up before the first round.
struct WarmUp {
  // Exactly this many runs, the first included. Otherwise: at least 3 runs (torch.compile and TorchScript's profiling
  // executor specialise during the first two), then until there are 10 runs and half a second, or 5 seconds, have
  // passed.
  std::optional<std::int64_t> runs;

  // Runs still to do in one request after `done` runs in `seconds`; 0 when it is enough.
  std::int64_t next_block(std::int64_t done, double seconds) const;
};

// Untimed runs at the beginning of each turn, which bring caches and threads back after the others' turns: about 2 ms
// worth, but 4 (or 40 ms worth, where that is less) at least, and 200 at most. 4 because a level-2 cache gets used to
// weights larger than itself in several runs: of SqueezeNet 1.0, the first four runs of a turn took 33, 12, 5 and 3 % longer
// than the later ones on Cycloid, 8, 3, 1 and 1 % on ONNX Runtime, 13, 6, 4 and 3 % on OpenVINO.
std::int64_t settle_runs(double run_seconds);

// Timed runs of each participant for which all turns take about `seconds`, settling runs included: at most `loops`, at least
// 8 (or `loops`, where that is less). `run_seconds` has what one run takes, for each participant.
std::int64_t loops_within(double seconds, std::int64_t loops, std::span<const double> run_seconds);

// The most runs to ask for in one request so that it takes about a quarter of the time limit.
std::int64_t largest_block(double run_seconds, double limit_seconds);

}  // namespace cycloid
