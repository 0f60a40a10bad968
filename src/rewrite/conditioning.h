// Whether a difference between two evaluations of a model is one that rounding explains.
//
// A rule that is not exact rounds otherwise on the way. Most models damp that; some graphs amplify it without bound: the
// power of a value that is zero but for rounding, the sign of a difference of equal numbers. There no fixed tolerance is
// right. So the original is run again with its values changed at random by as much as one change of a rule may change
// them (comparison.h: 64 units of the type's epsilon), and its own outputs show how far they can move.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cycloid/result.h"
#include "graph/graph.h"
#include "ops/datum.h"

namespace cycloid {

// How far apart outputs may be: `units` of epsilon at the largest magnitude, `of_one` units at 1 (as in compare()), and
// beyond that, element by element, four times as far as the outputs moved in any of the perturbed runs (each run draws
// one of many directions, every other one as far as a single rounding; the first two take what is tiny, what overflows and
// sums of zeros to one side throughout). An element that became finite, infinite or NaN in one of the runs may be any of these, and
// where a shape changed or a run failed nothing can be said: that counts as explained.
struct RoundingOptions {
  double units = 1024;
  double of_one = 64;
  int runs = 8;
  std::uint64_t seed = 0;
};

// `expected` are the outputs of `model` on `inputs`, `actual` those of a model that should compute the same.
bool explained_by_rounding(const ModelIr& model, std::span<const Datum> inputs, std::span<const Datum> expected,
                           std::span<const Datum> actual, const RoundingOptions& options = {});

// The outputs with every float that an operator rounds changed at random, by at most 64 units of its type's epsilon (of the
// smallest number, where numbers vanish); what overflows may be the largest number instead, and a zero that is a sum has either
// sign (IEEE 754 gives -0 to a sum of -0 alone, and one more 0 in it makes it 0). What is cast to an integer that it does not
// fit is any integer. What operators that only move or
// choose values make stays as it is. Subgraphs compute as usual, and their results change.
Result<std::vector<Datum>> evaluate_perturbed(const ModelIr& model, std::span<const Datum> inputs, std::uint64_t seed);

}  // namespace cycloid
