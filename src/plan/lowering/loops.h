// The loops over the elements of a result and of the operands it is computed from.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "plan/plan.h"

namespace cycloid {

// One loop: its count and how far each operand (a, b, y) moves, in elements.
struct Loop {
  std::int64_t size = 1;
  std::array<std::int64_t, 3> step = {0, 0, 0};
};

// The loops in the order of memory, outermost first: those of size 1 dropped, neighbours that continue each other joined. For
// loops over any number of operands: `L` has a size, and a step for each.
template <class L>
std::vector<L> join_loops(const std::vector<L>& loops) {
  std::vector<L> joined;
  for (const L& loop : loops) {
    if (loop.size == 1) continue;
    const auto continues = [&](const L& outer) {
      for (std::size_t i = 0; i < loop.step.size(); ++i) {
        if (outer.step[i] != loop.step[i] * loop.size) return false;
      }
      return true;
    };
    if (!joined.empty() && continues(joined.back())) {
      joined.back() = {joined.back().size * loop.size, loop.step};
    } else {
      joined.push_back(loop);
    }
  }
  return joined;
}

// Strides of a place, in logical order.
std::vector<std::int64_t> strides_of(const Place& place);

// Strides of a place for the dims of a result, 0 where it is broadcast; in logical order.
std::vector<std::int64_t> broadcast_strides(const Place& place, const Dims& dims);

// The loops over y's memory for operands with these strides (of y's dims).
std::vector<Loop> loops_over(const Place& y, const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b);

}  // namespace cycloid
