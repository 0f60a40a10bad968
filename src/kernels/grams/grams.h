// How often each n-gram of a pool occurs in a row of items, also with skips between its items: TfIdfVectorizer.
//
// Items are tokens: numbers from 1 that stand for the items of the pool, and 0 for every other. The pool is a tree of tokens:
// its first level is an array, deeper ones are a table of nodes by tokens where that is small, else hashed. One body for all
// instruction sets: the work is the loads that it waits for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cycloid::kernels {

class GramTable {
 public:
  static constexpr int32_t kNoToken = 0;

  struct Gram {
    std::span<const int32_t> tokens;  // in [1, tokens]
    int64_t column = 0;               // of equal n-grams the last one's counts
  };
  GramTable(int32_t tokens, std::span<const Gram> grams);

  // counts[column] += 1 for each n-gram of [least, most] items of the row that lie `distance` apart.
  void count(const int32_t* row, int64_t size, int64_t distance, int64_t least, int64_t most, float* counts) const;

 private:
  struct Place {
    int32_t node = 0;  // 0: no n-gram goes on so
    int32_t column = -1;
  };
  struct Hashed {
    uint64_t key = 0;  // 0: free
    Place place;
  };

  template <bool kHashed>
  void count_as(const int32_t* row, int64_t size, int64_t distance, int64_t least, int64_t most, float* counts) const;

  int64_t stride_ = 1;         // tokens and kNoToken
  std::vector<Place> first_;   // by token
  std::vector<Place> second_;  // by node and token, where a table is small
  std::vector<Hashed> hashed_;
  int shift_ = 63;  // of a product, to the index of a hashed place
  bool is_hashed_ = false;
};

}  // namespace cycloid::kernels
