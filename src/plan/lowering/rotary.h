// Rotary embedding as part of a step: pairs of a head's elements turned by angles from a table.
#pragma once

#include <optional>
#include <vector>

#include "plan/lowering/lowering.h"

namespace cycloid {

// Turns `half` pairs of x into y, which may be x; the rest of a head stays where it is. The pairs are (2 i, 2 i + 1) where
// interleaved, else (i, half + i).
void rotate_head(const float* x, float* y, std::int64_t half, bool interleaved, const float* cosines,
                 const float* sines);

// The elements of a value by (batch, head, position), in steps of elements from the place's first.
struct HeadSteps {
  std::int64_t first = 0, batch = 0, head = 0, row = 0;
  std::int64_t at(std::int64_t b, std::int64_t h, std::int64_t i) const {
    return first + b * batch + h * head + i * row;
  }

  // Of (batch, length, heads * size), or of (batch, heads, length, size).
  static HeadSteps by_rows(std::int64_t length, std::int64_t width, std::int64_t size) {
    return {.batch = length * width, .head = size, .row = width};
  }
  static HeadSteps by_heads(std::int64_t heads, std::int64_t length, std::int64_t size) {
    return {.batch = heads * length * size, .head = length * size, .row = size};
  }
};

Declined lower_rotary_embedding(Lowering& lowering, NodeId id);
Declined lower_microsoft_rotary_embedding(Lowering& lowering, NodeId id);

}  // namespace cycloid
