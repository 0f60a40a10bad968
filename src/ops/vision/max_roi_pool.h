// The attributes of MaxRoiPool, and which elements its bins cover.
#pragma once

#include <array>

#include "cycloid/result.h"
#include "graph/graph.h"

namespace cycloid {

struct RoiPool {
  Dims size;  // height and width of the output
  double scale = 1;

  static Result<RoiPool> parse(const Node& node);

  struct Region {
    std::int64_t image = 0;
    std::array<std::int64_t, 4> corner = {};  // left, top, right, bottom; elements, included
  };
  // Of a row of rois: an image of the batch, and two corners. An error where there is no such image or place.
  Result<Region> region(std::array<double, 5> box, std::int64_t batch) const;

  // The elements [begin, end) of an axis of `length` that bin `i` of `bins` over the elements `first` to `last` covers.
  struct Bin {
    std::int64_t begin = 0, end = 0;

    Bin(std::int64_t first, std::int64_t last, std::int64_t i, std::int64_t bins, std::int64_t length);
    bool empty() const { return begin >= end; }
  };
};

}  // namespace cycloid
