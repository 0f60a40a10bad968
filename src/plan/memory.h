// Where in one arena the buffers of a run lie.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "plan/plan.h"

namespace cycloid {

// A block that is needed from time `first` to time `last`, both included.
struct Lifetime {
  std::size_t bytes = 0;
  std::size_t first = 0, last = 0;
};

struct MemoryLayout {
  std::vector<std::size_t> offsets;  // multiples of `alignment`
  std::size_t bytes = 0;             // of the whole
};

// Offsets at which blocks whose lifetimes meet do not overlap. Greedy by size (Pisarchyk & Lee, "Efficient Memory
// Management for Deep Neural Net Inference", 2020): the largest block first, each in the lowest gap it fits.
MemoryLayout assign_offsets(std::span<const Lifetime> blocks, std::size_t alignment);

// Sets the offsets of the plan's arena buffers from the stages of their first and last use; needs schedule().
void plan_memory(Plan& plan);

}  // namespace cycloid
