// Elements found in a table and replaced by what stands there: LabelEncoder.
//
// Keys are integers or floats of 2, 4 or 8 bytes; -0 is the key 0, and every NaN the same key. Values are elements of 1, 2, 4 or
// 8 bytes. Integers that lie close together index the values; others are hashed, with linear probing at most half full. One
// body for all instruction sets: the work is the loads that it waits for.
#pragma once

#include <cstdint>
#include <vector>

namespace cycloid::kernels {

enum class LookupKey { kInt16, kInt32, kInt64, kFloat32, kFloat64 };

class LookupTable {
 public:
  // `count` keys and values; of equal keys the first counts. `fallback`: the value of what is no key.
  LookupTable(LookupKey type, const void* keys, int64_t value_bytes, const void* values, const void* fallback,
              int64_t count);

  // y[i] = the value of x[i], for i in [begin, end).
  void run(const void* x, void* y, int64_t begin, int64_t end) const;

  bool is_dense() const { return dense_; }

 private:
  template <class Key, class Value>
  void run_as(const Key* x, Value* y, int64_t begin, int64_t end) const;

  LookupKey type_;
  int64_t value_bytes_;
  bool dense_ = false;
  uint64_t first_ = 0;  // dense: the key of the first value
  int shift_ = 0;       // hashed: of the product, to the index of a place
  uint64_t free_ = 0;   // hashed: stands in places without a key; no key itself
  uint64_t fallback_ = 0;
  std::vector<uint64_t> keys_, values_;  // bits
};

}  // namespace cycloid::kernels
