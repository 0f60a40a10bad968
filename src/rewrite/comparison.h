// How far two values may differ, and whether they do.
#pragma once

#include "cycloid/result.h"
#include "ops/datum.h"

namespace cycloid {

struct Difference {
  double max_abs = 0;  // over elements that are finite in both
  double max_rel = 0;  // max_abs over the largest finite magnitude expected
  bool same = true;    // within the tolerance; dtype, dims, NaNs and infinities at the same places
};

// `exact`: every element equal (NaN equals NaN, -0 differs from 0 only in bits and counts as equal). Otherwise floating
// point may differ by 64 units of the type's epsilon at the scale of the largest magnitude in `expected`: sums of n terms in another order
// differ by at most n*eps*sum|x|, and by about sqrt(n)*eps*max|y| where signs mix (Higham, Accuracy and Stability, 4.2);
// 64 covers n = 4096 of the latter.
// `units` instead of 64 is for values behind many such sums (float16 and bfloat16 stay at 64: more would be no test).
// `of_one` more units at the scale of 1 are for runtimes that compute sigmoids and the like by formulas with an error of
// that size however small the result is (0.5 * tanh(x / 2) + 0.5).
Difference compare(const Datum& expected, const Datum& actual, bool exact, double units = 64, double of_one = 0);

}  // namespace cycloid
