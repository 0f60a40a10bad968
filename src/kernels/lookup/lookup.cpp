#include "kernels/lookup/lookup.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <unordered_map>

namespace cycloid::kernels {
namespace {

// Equal keys have equal bits.
template <class Key>
inline uint64_t bits_of(Key key) {
  if constexpr (std::is_same_v<Key, float>) {
    return std::bit_cast<uint32_t>(key != key ? std::numeric_limits<float>::quiet_NaN() : key + 0.0F);
  } else if constexpr (std::is_same_v<Key, double>) {
    return std::bit_cast<uint64_t>(key != key ? std::numeric_limits<double>::quiet_NaN() : key + 0.0);
  } else {
    return static_cast<uint64_t>(static_cast<int64_t>(key));
  }
}

// Fibonacci hashing: the upper bits of a product with 2^64 over the golden ratio, which spreads keys that are close together,
// and those that differ in their upper bits, as floats do.
inline uint64_t hash(uint64_t bits, int shift) {
  bits ^= bits >> 32;
  return bits * 0x9E3779B97F4A7C15U >> shift;
}

template <class F>
void with_key(LookupKey type, F f) {
  switch (type) {
    case LookupKey::kInt16: return f(int16_t{});
    case LookupKey::kInt32: return f(int32_t{});
    case LookupKey::kInt64: return f(int64_t{});
    case LookupKey::kFloat32: return f(float{});
    case LookupKey::kFloat64: return f(double{});
  }
}

template <class F>
void with_value(int64_t bytes, F f) {
  switch (bytes) {
    case 1: return f(uint8_t{});
    case 2: return f(uint16_t{});
    case 4: return f(uint32_t{});
    default: return f(uint64_t{});
  }
}

}  // namespace

LookupTable::LookupTable(LookupKey type, const void* keys, int64_t value_bytes, const void* values,
                         const void* fallback, int64_t count)
    : type_(type), value_bytes_(value_bytes) {
  const auto value = [&](const void* from, int64_t i) {
    uint64_t bits = 0;
    std::memcpy(&bits, static_cast<const char*>(from) + i * value_bytes, static_cast<size_t>(value_bytes));
    return bits;
  };
  fallback_ = value(fallback, 0);
  std::unordered_map<uint64_t, uint64_t> map;
  int64_t least = std::numeric_limits<int64_t>::max(), greatest = std::numeric_limits<int64_t>::min();
  with_key(type, [&]<class Key>(Key) {
    for (int64_t i = 0; i < count; ++i) {
      const uint64_t bits = bits_of(static_cast<const Key*>(keys)[i]);
      map.emplace(bits, value(values, i));
      least = std::min(least, static_cast<int64_t>(bits));
      greatest = std::max(greatest, static_cast<int64_t>(bits));
    }
    dense_ = std::is_integral_v<Key>;
  });
  // A table of values alone is no larger than one of keys and values that is half full.
  const uint64_t span = count > 0 ? static_cast<uint64_t>(greatest) - static_cast<uint64_t>(least) : 0;
  dense_ = dense_ && span < 4 * map.size() + 64;
  if (dense_) {
    first_ = static_cast<uint64_t>(least);
    values_.assign(count > 0 ? span + 1 : 0, fallback_);
    for (const auto& [key, mapped] : map) values_[key - first_] = mapped;
    return;
  }
  const uint64_t places = std::bit_ceil(std::max<uint64_t>(2 * map.size(), 2));
  shift_ = 64 - std::countr_zero(places);
  while (map.contains(free_)) ++free_;
  keys_.assign(places, free_);
  values_.assign(places, fallback_);
  for (const auto& [key, mapped] : map) {
    uint64_t at = hash(key, shift_);
    while (keys_[at] != free_) at = (at + 1) & (places - 1);
    keys_[at] = key;
    values_[at] = mapped;
  }
}

template <class Key, class Value>
void LookupTable::run_as(const Key* x, Value* y, int64_t begin, int64_t end) const {
  const uint64_t *keys = keys_.data(), *values = values_.data();
  const uint64_t size = values_.size();
  if (dense_) {
    for (int64_t i = begin; i < end; ++i) {
      const uint64_t at = bits_of(x[i]) - first_;
      y[i] = static_cast<Value>(at < size ? values[at] : fallback_);
    }
    return;
  }
  // What is no key, the mark of free places too, ends at a free place, whose value is the fallback.
  for (int64_t i = begin; i < end; ++i) {
    const uint64_t bits = bits_of(x[i]);
    uint64_t at = hash(bits, shift_);
    while (keys[at] != bits && keys[at] != free_) at = (at + 1) & (size - 1);
    y[i] = static_cast<Value>(values[at]);
  }
}

void LookupTable::run(const void* x, void* y, int64_t begin, int64_t end) const {
  with_key(type_, [&]<class Key>(Key) {
    with_value(value_bytes_, [&]<class Value>(Value) {
      run_as<Key, Value>(static_cast<const Key*>(x), static_cast<Value*>(y), begin, end);
    });
  });
}

}  // namespace cycloid::kernels
