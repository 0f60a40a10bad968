// A tensor seen as lanes along one axis: outer x length x inner elements, where a lane has `length` elements, `inner`
// apart. For operators that work along one axis.
#pragma once

#include <cstdint>

#include "tensor/dim.h"

namespace cycloid {

struct Lanes {
  std::int64_t outer = 1;
  std::int64_t length = 1;
  std::int64_t inner = 1;

  // `axis` is in [0, rank).
  Lanes(const Dims& dims, std::int64_t axis) {
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(dims.size()); ++i) {
      const std::int64_t size = dims[static_cast<std::size_t>(i)];
      (i < axis ? outer : i == axis ? length : inner) *= size;
    }
  }

  std::int64_t count() const { return outer * inner; }
  // The offset of the first element of lane i in a tensor with `lane_length` elements along the axis.
  std::int64_t start(std::int64_t i, std::int64_t lane_length) const {
    return i / inner * lane_length * inner + i % inner;
  }
  std::int64_t start(std::int64_t i) const { return start(i, length); }
};

}  // namespace cycloid
