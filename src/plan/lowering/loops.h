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

// The loops in the order of memory, outermost first: those of size 1 dropped, neighbours that continue each other joined.
std::vector<Loop> join_loops(const std::vector<Loop>& loops);

// Strides of a place, in logical order.
std::vector<std::int64_t> strides_of(const Place& place);

// Strides of a place for the dims of a result, 0 where it is broadcast; in logical order.
std::vector<std::int64_t> broadcast_strides(const Place& place, const Dims& dims);

// The loops over y's memory for operands with these strides (of y's dims).
std::vector<Loop> loops_over(const Place& y, const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b);

}  // namespace cycloid
