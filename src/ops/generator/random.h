// Operators that draw random numbers: RandomNormal(Like), RandomUniform(Like), Bernoulli, Multinomial, and Dropout, which
// draws only in training mode.
//
// With a seed the numbers are those of that seed, in every run; without one they are those of a fixed seed that depends on
// the node's name, so that runs can be compared. They are not the numbers of other runtimes.
#pragma once

#include "ops/op_list.h"

namespace cycloid {

extern const Op kDropout;

void add_random_ops(OpList& list);

}  // namespace cycloid
