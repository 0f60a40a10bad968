#include "kernels/product/product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::pick;

class Product : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!isa_available(GetParam())) GTEST_SKIP() << to_string(GetParam()) << " is not available here";
  }
  std::mt19937 random{5};
};
INSTANTIATE_TEST_SUITE_P(All, Product, ::testing::ValuesIn(kAllIsas),
                         [](const auto& info) { return std::string(to_string(info.param)); });

template <class T>
std::vector<T> numbers(std::mt19937& random, int64_t count) {
  std::vector<T> all(static_cast<size_t>(count));
  for (T& x : all) {
    if constexpr (std::is_floating_point_v<T>)
      x = static_cast<T>(std::uniform_real_distribution<double>(-1, 1)(random));
    else
      x = static_cast<T>((uint64_t{random()} << 32) | random());
  }
  return all;
}

template <class T>
void check(ProductType type, const ProductParams& params, Isa isa, std::mt19937& random) {
  ProductParams p = params;
  p.type = type;
  if (!std::is_floating_point_v<T>) p.alpha = 1;
  constexpr int64_t kGuard = 8;
  const ProductPlan plan = plan_product(p, isa);
  const std::vector<T> a = numbers<T>(random, p.m * p.k), b = numbers<T>(random, p.k * p.n);
  const std::vector<T> c = numbers<T>(random, p.m * p.n);
  const bool has_c = p.c_row + p.c_step > 0 || pick(random, 0, 1) != 0;
  std::vector<T> packed(plan.packed_bytes() / sizeof(T)), y(static_cast<size_t>(p.m * p.n + 2 * kGuard), T{77});
  const int64_t cut = pick(random, 0, static_cast<int>(plan.units())), half = plan.panels / 2;
  plan.pack(b.data(), packed.data(), half, plan.panels);
  plan.pack(b.data(), packed.data(), 0, half);
  const T* with = has_c ? c.data() : nullptr;
  plan.run(a.data(), packed.data(), with, y.data() + kGuard, cut, plan.units());
  plan.run(a.data(), packed.data(), with, y.data() + kGuard, 0, cut);
  if (pick(random, 0, 1) != 0) {  // panel by panel
    for (int64_t i = 0; i < plan.panels; ++i)
      plan.run_panel(a.data(), packed.data() + i * plan.panel * p.k, with, y.data() + kGuard, i);
  }
  using Sum = std::conditional_t<std::is_floating_point_v<T>, long double, uint64_t>;
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      Sum sum = 0;
      long double sizes = 0;
      for (int64_t k = 0; k < p.k; ++k) {
        const T u = a[static_cast<size_t>(p.a_transposed ? k * p.m + i : i * p.k + k)];
        const T v = b[static_cast<size_t>(p.b_transposed ? j * p.k + k : k * p.n + j)];
        sum += static_cast<Sum>(u) * static_cast<Sum>(v);
        sizes += std::fabs(static_cast<long double>(u) * static_cast<long double>(v));
      }
      const T add = has_c ? c[static_cast<size_t>(i * p.c_row + j * p.c_step)] : T{0};
      const T got = y[static_cast<size_t>(kGuard + i * p.n + j)];
      if constexpr (std::is_floating_point_v<T>) {
        const long double want = sum * static_cast<long double>(p.alpha) + static_cast<long double>(add);
        // A rounding of each partial sum, and those of alpha and C.
        const long double bound = (static_cast<long double>(p.k) + 2) * std::numeric_limits<T>::epsilon() *
                                  (sizes * std::fabs(static_cast<long double>(p.alpha)) + 1);
        ASSERT_LE(std::fabs(static_cast<long double>(got) - want), bound) << i << ", " << j;
      } else {
        ASSERT_EQ(got, static_cast<T>(sum + static_cast<Sum>(add))) << i << ", " << j;
      }
    }
  }
  for (int64_t i = 0; i < kGuard; ++i) {
    ASSERT_EQ(y[static_cast<size_t>(i)], T{77}) << "before the result";
    ASSERT_EQ(y[y.size() - 1 - static_cast<size_t>(i)], T{77}) << "behind the result";
  }
}

TEST_P(Product, OfAllShapes) {
  for (int round = 0; round < 150; ++round) {
    ProductParams p{.m = pick(random, 1, 20), .n = pick(random, 1, 110), .k = pick(random, 1, 40)};
    if (round % 10 == 0) p.k = pick(random, 120, 300);  // several parts of the sum
    if (round % 10 == 1) p.m = pick(random, 60, 150);   // several blocks of rows
    p.a_transposed = pick(random, 0, 1) != 0;
    p.b_transposed = pick(random, 0, 1) != 0;
    p.alpha = pick(random, 0, 1) != 0 ? 1 : -0.75;
    const int form = pick(random, 0, 3);  // of C: one element, a column, a row, all
    p.c_row = form == 1 ? 1 : form == 3 ? p.n : 0;
    p.c_step = form >= 2 ? 1 : 0;
    check<double>(ProductType::kFloat64, p, GetParam(), random);
    check<float>(ProductType::kFloat32, p, GetParam(), random);
    check<uint32_t>(ProductType::kInt32, p, GetParam(), random);
    check<uint64_t>(ProductType::kInt64, p, GetParam(), random);
    if (HasFatalFailure()) return;
  }
}

// What is no number stays where it belongs: the columns that fill up a panel are not read.
TEST_P(Product, KeepsNaNAndInfinity) {
  const ProductPlan plan = plan_product({.m = 3, .n = 5, .k = 2}, GetParam());
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::nan("");
  const std::vector<double> a = {1, 1, nan, 1, 0, 1}, b = {1, infinity, 3, 4, 5, 1, 1, 1, 1, 1};
  std::vector<double> packed(plan.packed_bytes() / sizeof(double)), y(15);
  plan.pack(b.data(), packed.data(), 0, plan.panels);
  plan.run(a.data(), packed.data(), nullptr, y.data(), 0, plan.units());
  EXPECT_EQ(y[0], 2);
  EXPECT_EQ(y[1], infinity);
  for (size_t j = 5; j < 10; ++j) EXPECT_TRUE(std::isnan(y[j]));
  EXPECT_TRUE(std::isnan(y[11]));  // 0 * infinity
  EXPECT_EQ(y[12], 1);
}

}  // namespace
}  // namespace cycloid::kernels
