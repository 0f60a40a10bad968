// Runs a plan's steps.
#pragma once

#include <vector>

#include "base/threads.h"
#include "runtime/run_memory.h"

namespace cycloid {

// What a run measured, by step and thread.
struct StepTimes {
  struct Span {
    std::int64_t begin = 0, end = 0;  // ns since the run began; both 0 where the thread had no part
  };
  std::int64_t run_began = 0;  // on the steady clock
  std::vector<Span> spans;     // [step * threads + thread], of the last run
  std::vector<StepProfile> steps;
};

// Runs the bound plan once: with all threads of `team` where it is not null and the plan is for more than one, else on
// the calling thread alone. Same bits either way. `times` may be null. The error of the first step that failed.
Status execute(RunMemory& memory, ThreadTeam* team, bool flush_denormals, StepTimes* times);

}  // namespace cycloid
