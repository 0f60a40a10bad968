// What the machine could do at best, to hold measurements against.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "cycloid/plan_info.h"
#include "cycloid/result.h"

namespace cycloid {

// The measured limits of `threads` threads that work at once, for a roofline (Williams, Waterman and Patterson, 2009): so much
// arithmetic, and so many bytes a second from each level of memory.
struct MachineLimits {
  struct Level {
    std::string name;             // "L1", "L2", "L3", "memory"
    double bytes = 0;             // that it holds, for all threads together
    double bytes_per_second = 0;  // read, or read and written, whichever is more
  };
  int threads = 1;
  double flops = 0;           // per second, on registers alone
  std::vector<Level> levels;  // nearest first; the last one is taken to hold everything

  // The nearest level that holds so many bytes.
  const Level& level_of(double bytes) const;
};

// Takes about 0.2 s and 16 MB for each thread, and, with `far`, as long again and 256 MB together: without it there is no level
// beyond the one after L2. Errors: threads that the system does not give.
Result<MachineLimits> measure_limits(Isa isa, int threads, bool far = true);

// The least time of some work, and what bounds it.
struct Roofline {
  double seconds = 0;
  std::string bound;  // "arithmetic", or the name of a level
};

// max(flops / peak, bytes / bandwidth), the bytes from the nearest level that holds them.
Roofline roofline(const MachineLimits& machine, double flops, double bytes);

// Of a step of a plan with `constant_bytes` of weights: they are read from the level that holds all of the plan's weights, as each run
// walks over them, the rest from the one that holds the step's own. `direct`: with the model's own arithmetic and not that
// of the algorithm that the plan uses (StepInfo::arithmetic).
Roofline roofline(const MachineLimits& machine, const StepInfo& step, std::size_t constant_bytes, bool direct);

// The steps one after another.
double roofline_seconds(const MachineLimits& machine, const PlanInfo& plan, bool direct);

}  // namespace cycloid
