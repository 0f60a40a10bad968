#include "kernels/gather/gather.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::pick;

// Indices of both types with the same values.
struct List {
  List(std::mt19937& random, int64_t count, int64_t size) : wide(static_cast<size_t>(count)) {
    for (int64_t& i : wide) i = pick(random, -size, size - 1);
    narrow.assign(wide.begin(), wide.end());
  }
  Indices get(bool w) const { return w ? Indices{wide.data(), true} : Indices{narrow.data(), false}; }
  int64_t at(int64_t i, int64_t size) const {
    const int64_t index = wide[static_cast<size_t>(i)];
    return index < 0 ? index + size : index;
  }
  std::vector<int64_t> wide;
  std::vector<int32_t> narrow;
};

std::vector<std::byte> random_bytes(std::mt19937& random, int64_t count) {
  std::vector<std::byte> bytes(static_cast<size_t>(count));
  for (std::byte& b : bytes) b = static_cast<std::byte>(pick(random, 0, 255));
  return bytes;
}

TEST(Gather, PicksRuns) {
  std::mt19937 random(1);
  for (const int64_t run : {1, 2, 3, 4, 8, 12, 16, 32, 64, 100, 128, 256, 300}) {
    for (const bool wide : {false, true}) {
      const int64_t outer = pick(random, 1, 3), size = pick(random, 1, 9), count = pick(random, 1, 13);
      const auto data = random_bytes(random, outer * size * run);
      const List list(random, count, size);
      std::vector<std::byte> y(static_cast<size_t>(outer * count * run));
      const GatherArgs args{data.data(), list.get(wide), y.data(), size, count, run};
      const int64_t cut = pick(random, 0, outer * count);  // two ranges
      ASSERT_FALSE(gather(args, cut, outer * count));
      ASSERT_FALSE(gather(args, 0, cut));
      for (int64_t o = 0; o < outer; ++o) {
        for (int64_t i = 0; i < count; ++i)
          ASSERT_TRUE(std::equal(y.begin() + (o * count + i) * run, y.begin() + (o * count + i + 1) * run,
                                 data.begin() + (o * size + list.at(i, size)) * run));
      }
      for (const int64_t bad : {size, -size - 1}) {
        List wrong = list;
        wrong.wide.back() = bad;
        wrong.narrow.back() = static_cast<int32_t>(bad);
        EXPECT_EQ(gather({data.data(), wrong.get(wide), y.data(), size, count, run}, 0, count), bad);
      }
    }
  }
}

TEST(Gather, ElementsBothWays) {
  std::mt19937 random(2);
  for (int round = 0; round < 40; ++round) {
    // data [a][n][b], indices [a'][m][b'] with an axis in each place.
    const int64_t dims[3] = {pick(random, 1, 4), pick(random, 1, 5), pick(random, 1, 6)};
    const int axis = round % 3;
    int64_t counts[3];
    for (int d = 0; d < 3; ++d) counts[d] = d == axis ? pick(random, 1, 6) : pick(random, 1, dims[d]);
    const int64_t strides[3] = {dims[1] * dims[2], dims[2], 1};
    ElementIndex at{.rank = 2, .columns = counts[2], .column_stride = axis == 2 ? 0 : 1};
    for (int d = 0; d < 2; ++d) {
      at.dims[d] = counts[d];
      at.stride[d] = d == axis ? 0 : strides[d];
    }
    at.axis_size = dims[axis];
    at.axis_stride = strides[axis];
    at.element_bytes = 4;
    const int64_t total = counts[0] * counts[1] * counts[2];
    const List list(random, total, dims[axis]);
    std::vector<int32_t> data(static_cast<size_t>(dims[0] * dims[1] * dims[2])), y(static_cast<size_t>(total), -1);
    for (int32_t& x : data) x = static_cast<int32_t>(pick(random, 0, 1000));
    const bool wide = round % 2 == 0;
    ASSERT_FALSE(gather_elements(at, data.data(), list.get(wide), y.data(), 0, counts[0] * counts[1]));
    std::vector<int32_t> want = data, got = data;
    ASSERT_FALSE(scatter_elements(at, got.data(), list.get(wide), y.data(), counts[0] * counts[1]));
    for (int64_t i = 0; i < total; ++i) {
      int64_t place[3] = {i / (counts[1] * counts[2]), i / counts[2] % counts[1], i % counts[2]};
      place[axis] = list.at(i, dims[axis]);
      const auto flat = static_cast<size_t>(place[0] * strides[0] + place[1] * strides[1] + place[2]);
      ASSERT_EQ(y[static_cast<size_t>(i)], data[flat]);
      want[flat] = y[static_cast<size_t>(i)];
    }
    EXPECT_EQ(got, want);
  }
}

TEST(Gather, TuplesBothWays) {
  std::mt19937 random(3);
  for (int round = 0; round < 30; ++round) {
    const int64_t batch = pick(random, 1, 3), per = pick(random, 1, 4), a = pick(random, 1, 4), b = pick(random, 1, 4),
                  run = pick(random, 1, 20);
    TupleIndex at{.depth = 2, .per_batch = per, .batch_stride = a * b * run, .run_bytes = run};
    at.size[0] = a;
    at.size[1] = b;
    at.stride[0] = b * run;
    at.stride[1] = run;
    std::vector<int64_t> indices;
    for (int64_t t = 0; t < batch * per; ++t) {
      indices.push_back(pick(random, -a, a - 1));
      indices.push_back(pick(random, -b, b - 1));
    }
    const auto data = random_bytes(random, batch * a * b * run);
    std::vector<std::byte> y(static_cast<size_t>(batch * per * run));
    ASSERT_FALSE(gather_tuples(at, data.data(), {indices.data(), true}, y.data(), 0, batch * per));
    const auto updates = random_bytes(random, batch * per * run);
    auto scattered = data, want = data;
    ASSERT_FALSE(scatter_tuples(at, scattered.data(), {indices.data(), true}, updates.data(), batch * per));
    for (int64_t t = 0; t < batch * per; ++t) {
      const int64_t i = (indices[static_cast<size_t>(2 * t)] + a) % a,
                    j = (indices[static_cast<size_t>(2 * t + 1)] + b) % b;
      const int64_t from = ((t / per * a + i) * b + j) * run;
      ASSERT_TRUE(std::equal(y.begin() + t * run, y.begin() + (t + 1) * run, data.begin() + from));
      std::copy_n(updates.begin() + t * run, run, want.begin() + from);
    }
    EXPECT_EQ(scattered, want);
    indices.back() = b;
    EXPECT_EQ(gather_tuples(at, data.data(), {indices.data(), true}, y.data(), 0, batch * per), b);
  }
}

}  // namespace
}  // namespace cycloid::kernels
