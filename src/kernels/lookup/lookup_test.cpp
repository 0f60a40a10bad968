#include "kernels/lookup/lookup.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::pick;

template <class Key, class Value>
void expect_found(LookupKey type, const std::vector<Key>& keys, const std::vector<Key>& x, bool dense) {
  std::vector<Value> values(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) values[i] = static_cast<Value>(3 * i + 1);
  const auto fallback = static_cast<Value>(250);
  const auto count = static_cast<int64_t>(keys.size()), n = static_cast<int64_t>(x.size());
  const LookupTable table(type, keys.data(), sizeof(Value), values.data(), &fallback, count);
  EXPECT_EQ(table.is_dense(), dense);
  std::vector<Value> y(x.size());
  table.run(x.data(), y.data(), n / 3, n);
  table.run(x.data(), y.data(), 0, n / 3);
  for (size_t i = 0; i < x.size(); ++i) {
    Value expected = fallback;
    for (size_t k = keys.size(); k-- > 0;) {
      if (keys[k] == x[i] || (keys[k] != keys[k] && x[i] != x[i])) expected = values[k];
    }
    ASSERT_EQ(y[i], expected) << "element " << i << ": " << x[i];
  }
}

TEST(Lookup, FindsIntegers) {
  std::mt19937 random(1);
  for (int round = 0; round < 100; ++round) {
    // Close together, or anywhere; some twice.
    const bool dense = round % 2 == 0;
    const int64_t low = dense ? -40 : std::numeric_limits<int64_t>::min(),
                  high = dense ? 40 : std::numeric_limits<int64_t>::max();
    std::vector<int64_t> keys(static_cast<size_t>(pick(random, 20, 60))), x;
    for (int64_t& key : keys) key = pick(random, low, high);
    keys.push_back(keys[3]);
    for (int i = 0; i < 200; ++i)
      x.push_back(i % 2 == 0 ? keys[static_cast<size_t>(pick(random, 0, 20))] : pick(random, low, high));
    x.insert(x.end(), {0, 1, -1, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()});
    expect_found<int64_t, uint64_t>(LookupKey::kInt64, keys, x, dense);
    expect_found<int64_t, uint8_t>(LookupKey::kInt64, keys, x, dense);
  }
  expect_found<int32_t, uint32_t>(LookupKey::kInt32, {5, -7, 60}, {5, 6, -7, 60, 61, -8}, true);
  expect_found<int32_t, uint32_t>(LookupKey::kInt32, {5, -7, 1 << 30}, {5, 6, -7, 1 << 30, 0}, false);
  expect_found<int16_t, uint16_t>(LookupKey::kInt16, {5, -7, 32767}, {5, 6, -7, 32767, -32768, 0}, false);
  // The marks of free places are keys themselves.
  expect_found<int64_t, uint64_t>(LookupKey::kInt64, {0, 1, 2, int64_t{1} << 60}, {0, 1, 2, 3, 4}, false);
}

TEST(Lookup, FindsFloats) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  expect_found<float, uint32_t>(LookupKey::kFloat32, {1, -0.0F, 2.5F, kNaN, kInfinity},
                                {0, -0.0F, 1, 2.5F, 2.6F, -kNaN, kInfinity, -kInfinity}, false);
  expect_found<double, uint64_t>(LookupKey::kFloat64, {0.1, 0, 1e300}, {-0.0, 0.1, 0.2, 1e300, std::nan("3")}, false);
  std::mt19937 random(2);
  std::vector<float> keys, x;
  for (int i = 0; i < 1000; ++i) keys.push_back(static_cast<float>(i));
  for (int i = 0; i < 3000; ++i) x.push_back(static_cast<float>(pick(random, -10, 2010)) / 2);
  expect_found<float, uint32_t>(LookupKey::kFloat32, keys, x, false);
}

TEST(Lookup, NoKeysAreKnown) {
  expect_found<int64_t, uint64_t>(LookupKey::kInt64, {}, {0, 1, -1}, true);
  expect_found<float, uint32_t>(LookupKey::kFloat32, {}, {0, 1, -1}, false);
}

}  // namespace
}  // namespace cycloid::kernels
