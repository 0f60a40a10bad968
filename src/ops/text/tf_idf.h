// The attributes of a TfIdfVectorizer.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cycloid/result.h"
#include "graph/graph.h"

namespace cycloid {

struct TfIdf {
  enum class Weighting { kTf, kIdf, kTfIdf };
  // Items of the pool that may count, and the column of Y that counts them.
  struct Gram {
    std::size_t begin = 0, length = 1;
    std::int64_t column = 0;
  };

  Weighting weighting = Weighting::kTf;
  std::int64_t least = 1;  // items of an n-gram
  std::int64_t most = 1;
  std::int64_t skips = 0;
  std::int64_t columns = 0;
  std::vector<std::pair<std::int64_t, float>> column_weights;  // 1 for other columns
  std::vector<std::int64_t> ints;
  std::vector<std::string> strings;  // the pool is one of both
  std::vector<Gram> grams;           // of equal n-grams the last one counts

  static Result<TfIdf> parse(const Node& node);

  // Counts of a row become its results.
  void weigh(std::span<float> counts) const;

  // Calls count(distance, least) for each distance between the items of an n-gram in a row of `size`, until it is false.
  template <class Count>
  void for_each_distance(std::int64_t size, const Count& count) const {
    for (std::int64_t distance = 1; distance - 1 <= skips; ++distance) {
      // Single items know no distance: they are counted once. Beyond the row's length no pair fits.
      const std::int64_t shortest = distance > 1 ? std::max<std::int64_t>(least, 2) : least;
      if (shortest > most || (shortest > 1 && distance >= size) || !count(distance, shortest)) return;
    }
  }

 private:
  std::vector<float> weights;  // by n-gram of the pool; may be empty

  Status read_attributes(const Node& node);
  Status read_pool(const Node& node);
};

}  // namespace cycloid
