#include "kernels/lanes/lanes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/aligned.h"
#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::pick;

// Few values, so that equal ones are frequent; NaN among floats.
template <class T>
std::vector<T> draw(std::mt19937& random, int64_t count) {
  std::vector<T> x(static_cast<size_t>(count));
  for (T& v : x) {
    v = static_cast<T>(pick(random, -4, 4));
    if (std::is_floating_point_v<T> && pick(random, 0, 15) == 0) v = static_cast<T>(NAN);
  }
  return x;
}

template <class T>
class LanesTest : public ::testing::Test {
 protected:
  static LaneType type() {
    if (std::is_same_v<T, float>) return LaneType::kFloat32;
    if (std::is_same_v<T, double>) return LaneType::kFloat64;
    if (std::is_same_v<T, int8_t>) return LaneType::kInt8;
    if (std::is_same_v<T, uint8_t>) return LaneType::kUInt8;
    return std::is_same_v<T, int32_t> ? LaneType::kInt32 : LaneType::kInt64;
  }
  // NaN counts as more than all numbers.
  static double rank(T v) { return v != v ? 1e9 : static_cast<double>(v); }

  void size(int round) {
    outer = pick(random, 1, 3);
    n = pick(random, 1, 30);
    inner = round % 2 == 0 ? 1 : pick(random, 2, 70);
    x = draw<T>(random, outer * n * inner);
  }
  void resize(int64_t outer_size, int64_t length, int64_t inner_size) {
    outer = outer_size;
    n = length;
    inner = inner_size;
    x = draw<T>(random, outer * n * inner);
  }
  T at(int64_t o, int64_t k, int64_t j) const { return x[static_cast<size_t>((o * n + k) * inner + j)]; }

  std::mt19937 random{4};
  int64_t outer = 1, n = 1, inner = 1;
  std::vector<T> x;
};
using Types = ::testing::Types<float, double, int32_t, int64_t, int8_t, uint8_t>;
TYPED_TEST_SUITE(LanesTest, Types);

TYPED_TEST(LanesTest, ArgMaxAndMin) {
  for (int round = 0; round < 40; ++round) {
    this->size(round);
    const bool greatest = round & 2, last = round & 4;
    std::vector<int64_t> y(static_cast<size_t>(this->outer * this->inner), -1);
    arg_lanes({{this->type(), this->n, this->inner}, greatest, last}, this->x.data(), y.data(), 0, this->outer);
    for (int64_t o = 0; o < this->outer; ++o) {
      for (int64_t j = 0; j < this->inner; ++j) {
        int64_t best = 0;
        for (int64_t k = 1; k < this->n; ++k) {
          const double a = this->rank(this->at(o, k, j)), b = this->rank(this->at(o, best, j));
          // A NaN is not equal to another one, so the first of them stays.
          if (greatest ? a > b : a < b)
            best = k;
          else if (last && a == b && a < 1e9)
            best = k;
        }
        ASSERT_EQ(y[static_cast<size_t>(o * this->inner + j)], best);
      }
    }
  }
}

// For every instruction set, in two parts; the result may take the place of x.
template <class T>
std::vector<T> running(const SumParams& params, const std::vector<T>& x, int64_t outer, Isa isa, int64_t split) {
  std::vector<T> y = x;
  const SumFn run = cumulative_sum_kernel(params.lanes.type, isa);
  split = std::min(split, params.units(outer));
  run(params, y.data(), y.data(), split, params.units(outer));
  run(params, y.data(), y.data(), 0, split);
  return y;
}

TYPED_TEST(LanesTest, RunningSums) {
  if (sizeof(TypeParam) == 1) GTEST_SKIP() << "ONNX has none of bytes";
  for (int round = 0; round < 160; ++round) {
    this->size(round);
    if (round % 5 == 0) this->resize(pick(this->random, 1, 40), 9, round % 2 == 0 ? 1 : pick(this->random, 250, 600));
    const Isa isa = kAllIsas[static_cast<size_t>(round / 8) % std::size(kAllIsas)];
    if (!isa_available(isa)) continue;
    const bool exclusive = round & 2, reverse = round & 4;
    const std::vector<TypeParam> y = running({{this->type(), this->n, this->inner}, exclusive, reverse}, this->x,
                                             this->outer, isa, pick(this->random, 0, 20));
    for (int64_t o = 0; o < this->outer; ++o) {
      for (int64_t j = 0; j < this->inner; ++j) {
        for (int64_t k = 0; k < this->n; ++k) {
          double sum = 0;  // of small whole numbers: exact
          for (int64_t i = 0; i < this->n; ++i) {
            const bool before = reverse ? i > k : i < k;
            if (before || (i == k && !exclusive)) sum += static_cast<double>(this->at(o, i, j));
          }
          const auto got = static_cast<double>(y[static_cast<size_t>((o * this->n + k) * this->inner + j)]);
          ASSERT_TRUE(got == sum || (std::isnan(got) && std::isnan(sum))) << got << " is not " << sum;
        }
      }
    }
  }
}

TYPED_TEST(LanesTest, RunningProducts) {
  if (sizeof(TypeParam) == 1) GTEST_SKIP() << "ONNX has none of bytes";
  for (int round = 0; round < 120; ++round) {
    this->size(round);
    const Isa isa = kAllIsas[static_cast<size_t>(round / 8) % std::size(kAllIsas)];
    if (!isa_available(isa)) continue;
    const bool exclusive = round & 2, reverse = round & 4;
    const bool few = !std::is_floating_point_v<TypeParam>;  // powers of two below 2^30
    for (TypeParam& v : this->x) v = static_cast<TypeParam>(few ? (v < 3 ? 1 : 2) : (v == v && v < 0 ? -0.5 : 2.0));
    const std::vector<TypeParam> y = running({{this->type(), this->n, this->inner}, exclusive, reverse, true}, this->x,
                                             this->outer, isa, pick(this->random, 0, 3));
    for (int64_t o = 0; o < this->outer; ++o) {
      for (int64_t j = 0; j < this->inner; ++j) {
        for (int64_t k = 0; k < this->n; ++k) {
          double product = 1;  // of powers of two: exact
          for (int64_t i = 0; i < this->n; ++i) {
            const bool before = reverse ? i > k : i < k;
            if (before || (i == k && !exclusive)) product *= static_cast<double>(this->at(o, i, j));
          }
          ASSERT_EQ(static_cast<double>(y[static_cast<size_t>((o * this->n + k) * this->inner + j)]), product);
        }
      }
    }
  }
}

TYPED_TEST(LanesTest, Hardmax) {
  if constexpr (std::is_floating_point_v<TypeParam>) {
    for (int round = 0; round < 200; ++round) {
      this->size(round);
      if (round % 3 == 0) this->n = pick(this->random, 1, 150);
      this->x = draw<TypeParam>(this->random, this->outer * this->n * this->inner);
      std::vector<TypeParam> y(this->x.size(), 7);
      hardmax_lanes({this->type(), this->n, this->inner}, this->x.data(), y.data(), 0, this->outer);
      for (int64_t o = 0; o < this->outer; ++o) {
        for (int64_t j = 0; j < this->inner; ++j) {
          int64_t best = 0;
          for (int64_t k = 1; k < this->n; ++k) {
            if (this->at(o, best, j) < this->at(o, k, j)) best = k;
          }
          for (int64_t k = 0; k < this->n; ++k)
            ASSERT_EQ(y[static_cast<size_t>((o * this->n + k) * this->inner + j)], k == best ? 1 : 0);
        }
      }
    }
  }
}

TYPED_TEST(LanesTest, TopOfEachLane) {
  for (int round = 0; round < 80; ++round) {
    this->size(round);
    if (round % 4 == 3) this->resize(2, pick(this->random, 100, 900), 2);  // with more than a few of them
    TopParams params{{this->type(), this->n, this->inner}, pick(this->random, 0, this->n), (round & 2) != 0};
    const auto count = static_cast<size_t>(this->outer * params.k * this->inner);
    std::vector<TypeParam> values(count);
    std::vector<int64_t> indices(count);
    AlignedBuffer<char> scratch(params.scratch_bytes());
    const int64_t lanes = this->outer * this->inner, split = pick(this->random, 0, lanes);
    top_lanes(params, this->x.data(), values.data(), indices.data(), scratch.data(), split, lanes);
    top_lanes(params, this->x.data(), values.data(), indices.data(), scratch.data(), 0, split);
    for (int64_t o = 0; o < this->outer; ++o) {
      for (int64_t j = 0; j < this->inner; ++j) {
        std::vector<int64_t> order(static_cast<size_t>(this->n));
        for (int64_t k = 0; k < this->n; ++k) order[static_cast<size_t>(k)] = k;
        std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
          const double u = this->rank(this->at(o, a, j)), v = this->rank(this->at(o, b, j));
          return params.largest ? u > v : u < v;
        });
        for (int64_t k = 0; k < params.k; ++k) {
          const auto to = static_cast<size_t>((o * params.k + k) * this->inner + j);
          ASSERT_EQ(indices[to], order[static_cast<size_t>(k)]);
          ASSERT_EQ(this->rank(values[to]), this->rank(this->at(o, indices[to], j)));
        }
      }
    }
  }
}

TYPED_TEST(LanesTest, Reductions) {
  for (int round = 0; round < 240; ++round) {
    this->size(round);
    if (round % 3 == 0) this->resize(2, pick(this->random, 50, 400), round % 2 == 0 ? 1 : 3);
    const auto reduction = static_cast<LaneReduction>(round / 2 % 8);
    const bool squares = reduction == LaneReduction::kSumSquare || reduction == LaneReduction::kL2;
    const bool divides = reduction == LaneReduction::kMean || reduction == LaneReduction::kL2;
    const Isa isa = kAllIsas[static_cast<size_t>(round / 16) % std::size(kAllIsas)];
    if (!isa_available(isa)) continue;
    const LaneReduceFn reduce = lane_reduce_kernel(this->type(), reduction, isa);
    const bool extreme = reduction == LaneReduction::kMax || reduction == LaneReduction::kMin;
    const bool has_none = std::is_same_v<TypeParam, float> || (divides && !std::is_floating_point_v<TypeParam>) ||
                          (sizeof(TypeParam) == 1 && !extreme);
    ASSERT_EQ(reduce == nullptr, has_none);
    if (has_none) continue;
    std::vector<TypeParam> y(static_cast<size_t>(this->outer * this->inner));
    if (reduction == LaneReduction::kProd) {
      // Powers of two, and few of them: no integer overflows.
      for (TypeParam& v : this->x) v = v != 4 ? static_cast<TypeParam>(v < 0 ? -1 : 1) : TypeParam{2};
      for (size_t i = 25 * static_cast<size_t>(this->inner); i < this->x.size(); ++i) this->x[i] = TypeParam{1};
    }
    reduce({this->type(), this->n, this->inner}, this->x.data(), y.data(), 0, this->outer);
    for (int64_t o = 0; o < this->outer; ++o) {
      for (int64_t j = 0; j < this->inner; ++j) {
        const auto term = [&](int64_t k) {
          const auto v = static_cast<double>(this->at(o, k, j));
          return squares ? v * v : reduction == LaneReduction::kL1 ? std::fabs(v) : v;
        };
        double want = term(0);
        for (int64_t k = 1; k < this->n; ++k) {
          const double v = term(k);
          if (reduction == LaneReduction::kSum || squares || divides || reduction == LaneReduction::kL1) want += v;
          if (reduction == LaneReduction::kProd) want *= v;
          if (std::isnan(want)) continue;
          if (reduction == LaneReduction::kMax && !(v <= want)) want = v;
          if (reduction == LaneReduction::kMin && !(v >= want)) want = v;
        }
        if (reduction == LaneReduction::kMean) want /= static_cast<double>(this->n);
        if (reduction == LaneReduction::kL2) want = std::sqrt(want);
        const auto got = static_cast<double>(y[static_cast<size_t>(o * this->inner + j)]);
        // The elements are small whole numbers, whose sums are exact; the quotient and the root are rounded to the type.
        const double slack = divides ? std::fabs(want) * static_cast<double>(std::numeric_limits<float>::epsilon()) : 0;
        ASSERT_TRUE(std::fabs(got - want) <= slack || got == want || (std::isnan(got) && std::isnan(want)))
            << got << " is not " << want;
      }
    }
  }
}

TEST(Lanes, IntegersWrap) {
  const int64_t x[] = {INT64_MAX, 1, 1};
  int64_t y[3];
  for (const Isa isa : kAllIsas) {
    if (!isa_available(isa)) continue;
    cumulative_sum_kernel(LaneType::kInt64, isa)({{LaneType::kInt64, 3, 1}}, x, y, 0, 1);
    EXPECT_EQ(y[2], INT64_MIN + 1);
    lane_reduce_kernel(LaneType::kInt64, LaneReduction::kSum, isa)({LaneType::kInt64, 3, 1}, x, y, 0, 1);
    EXPECT_EQ(y[0], INT64_MIN + 1);
  }
}

}  // namespace
}  // namespace cycloid::kernels
