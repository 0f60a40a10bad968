// The machine's own noise over spans of any length.
//
// Interruptions come so many a second and take so long each, whatever runs: they are a larger part of a short run than of a long
// one, and p99/p50 of a fixed amount of arithmetic depends on how much it is. So the noise is measured in parts, much shorter
// than a run, and parts that follow each other make up a span as long as the run that it is to be compared with.
#pragma once

#include <optional>
#include <vector>

#include "bench/result.h"

namespace cycloid {

// How the noise takes its turns: `per_run` parts of `part_us` for every timed run of the others.
struct NoiseParts {
  double part_us = 1000;
  int per_run = 1;
};

// Parts that add up to a run of the fastest participant, eight or, where these would be shorter than a microsecond, fewer.
NoiseParts noise_parts(double fastest_run_us);

// What spans of about `span_us` took: sums of consecutive parts of one turn. Spans begin every eighth of their length, so their
// tail is known as well as from about half as many that do not overlap. nullopt where a part is longer than two spans, or
// the turns are too short for the spans.
std::optional<LatencySummary> noise_over(const std::vector<Turn>& parts, double span_us);

// The turns with every `per_run` parts as one run.
std::vector<Turn> whole_runs(const std::vector<Turn>& parts, int per_run);

}  // namespace cycloid
