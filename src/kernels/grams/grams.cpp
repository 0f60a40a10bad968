#include "kernels/grams/grams.h"

#include <algorithm>
#include <bit>
#include <map>

namespace cycloid::kernels {
namespace {

// No key is 0: nodes that have children are counted from 1.
inline uint64_t key_of(int32_t node, int32_t token) {
  return static_cast<uint64_t>(static_cast<uint32_t>(node)) << 32 | static_cast<uint32_t>(token);
}

// Fibonacci hashing; the upper half of a key, the node, is also brought to the lower bits.
inline uint64_t hash(uint64_t key, int shift) { return (key ^ key >> 29) * 0x9E3779B97F4A7C15U >> shift; }

}  // namespace

GramTable::GramTable(int32_t tokens, std::span<const Gram> grams)
    : stride_(int64_t{tokens} + 1), first_(static_cast<size_t>(stride_)) {
  // The children of a node are found by its number, which it gets with the first of them.
  std::map<uint64_t, Place> deeper;
  int32_t nodes = 1;
  for (const Gram& gram : grams) {
    Place* place = &first_[static_cast<size_t>(gram.tokens[0])];
    for (const int32_t token : gram.tokens.subspan(1)) {
      if (place->node == 0) place->node = nodes++;
      place = &deeper[key_of(place->node, token)];
    }
    place->column = static_cast<int32_t>(gram.column);
  }
  // A table that is no larger than twice a hash that is half full.
  is_hashed_ = nodes > static_cast<int64_t>(8 * deeper.size() + 1024) / stride_;
  if (!is_hashed_) {
    second_.resize(static_cast<size_t>(nodes * stride_));
    for (const auto& [key, place] : deeper)
      second_[(key >> 32) * static_cast<uint64_t>(stride_) + static_cast<uint32_t>(key)] = place;
    return;
  }
  const uint64_t size = std::bit_ceil(std::max<uint64_t>(2 * deeper.size(), 2));
  shift_ = 64 - std::countr_zero(size);
  hashed_.resize(size);
  for (const auto& [key, place] : deeper) {
    uint64_t at = hash(key, shift_);
    while (hashed_[at].key != 0) at = (at + 1) & (size - 1);
    hashed_[at] = {key, place};
  }
}

template <bool kHashed>
void GramTable::count_as(const int32_t* row, int64_t size, int64_t distance, int64_t least, int64_t most,
                         float* counts) const {
  const uint64_t mask = hashed_.size() - 1;
  const auto next = [&](int32_t node, int32_t token) {
    if constexpr (!kHashed) return second_[static_cast<size_t>(node * stride_ + token)];
    const uint64_t key = key_of(node, token);
    uint64_t at = hash(key, shift_);
    while (hashed_[at].key != key && hashed_[at].key != 0) at = (at + 1) & mask;
    return hashed_[at].place;
  };
  for (int64_t start = 0; start < size; ++start) {
    Place place = first_[static_cast<size_t>(row[start])];
    if (least <= 1 && place.column >= 0) counts[place.column] += 1;
    const int64_t end = most - 1 <= (size - 1 - start) / distance ? start + (most - 1) * distance : size - 1;
    int64_t length = 2;
    for (int64_t at = start + distance; at <= end && place.node != 0; at += distance, ++length) {
      place = next(place.node, row[at]);
      if (length >= least && place.column >= 0) counts[place.column] += 1;
    }
  }
}

void GramTable::count(const int32_t* row, int64_t size, int64_t distance, int64_t least, int64_t most,
                      float* counts) const {
  is_hashed_ ? count_as<true>(row, size, distance, least, most, counts)
             : count_as<false>(row, size, distance, least, most, counts);
}

}  // namespace cycloid::kernels
