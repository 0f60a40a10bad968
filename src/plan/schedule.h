// Stages and work of a plan, from what its steps say they use.
#pragma once

#include "plan/plan.h"

namespace cycloid {

// Whether one of the uses writes what the other touches.
bool conflicts(const BufferUse& a, const BufferUse& b);

// Groups steps that do not conflict into stages, and puts them in that order: those that follow each other, and for several
// threads also short ones of independent branches. Shares each stage's work between the plan's threads, and sets the places
// where threads must meet. Fills stages, work, release and the steps' stage numbers.
void schedule(Plan& plan);

// The units of each of the stage's steps that each of `threads` threads computes, by estimated cost: the steps' costs are laid
// end to end and cut into equal parts; steps that read the same buffer are each cut into equal parts, so that a thread has the
// same range of all of them. Every unit belongs to exactly one thread.
std::vector<std::vector<Work>> share_work(const std::vector<PlannedStep>& steps, const Stage& stage, int threads);

}  // namespace cycloid
