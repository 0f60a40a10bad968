#include "tensor/dim.h"

#include <gtest/gtest.h>

#include <limits>

namespace cycloid {
namespace {

const Dim n = Dim::symbol("n");
const Dim m = Dim::symbol("m");

TEST(Dim, PolynomialsHaveOneForm) {
  EXPECT_EQ(n + n - n, n);
  EXPECT_EQ((n + 1) * (m + 2), m * n + 2 * n + m + 2);
  EXPECT_EQ(n * m, m * n);
  EXPECT_FALSE(n == m);
  EXPECT_TRUE((n - n).is(0));
}

TEST(Dim, FloorDivisionTakesOutWhatDivides) {
  EXPECT_EQ(Dim::floor_div(4 * n, 2), 2 * n);
  EXPECT_EQ(Dim::floor_div(4 * n + 3, 2), 2 * n + 1);
  EXPECT_EQ(Dim::floor_div(n * m * 6, n * 3), 2 * m);
  EXPECT_EQ(Dim::floor_div(n + 5, 2), Dim::floor_div(n + 1, 2) + 2);
  EXPECT_TRUE(Dim::floor_div(-7, 2).is(-4));
  EXPECT_FALSE(Dim::floor_div(n, 0).is_known());
}

TEST(Dim, EvaluatesUnderBindings) {
  const Dim d = Dim::ceil_div(n - 2, 2) + Dim::max(m, 1) * Dim::min(n, 3);
  EXPECT_EQ(d.evaluate({{"n", 7}, {"m", 0}}), 3 + 3);
  EXPECT_EQ(d.evaluate({{"n", 7}}), std::nullopt);
}

TEST(Dim, OverflowIsUnknownNotWrapped) {
  const Dim huge = std::numeric_limits<std::int64_t>::max();
  EXPECT_FALSE((huge + 1).is_known());
  EXPECT_FALSE((huge * 2).is_known());
  EXPECT_EQ(element_count(Dims{std::int64_t{1} << 40, std::int64_t{1} << 40}), std::nullopt);
  EXPECT_EQ(element_count(Dims{std::int64_t{1} << 40, std::int64_t{1} << 40, 0}), 0);
}

TEST(Dim, UnknownEqualsItselfOnly) {
  const Dim a = Dim::unknown();
  EXPECT_EQ(a, a);
  EXPECT_FALSE(a == Dim::unknown());
}

TEST(Dim, ParsesWhatItPrints) {
  for (const Dim& d : {Dim(5), n, 2 * n + 1, n * m - 3, Dim::floor_div(n - 1, 2), Dim::max(n, m + 1), Dim(0) - n}) {
    const auto parsed = Dim::parse(d.to_string());
    ASSERT_TRUE(parsed.ok()) << parsed.error().message();
    EXPECT_EQ(*parsed, d) << d.to_string();
  }
  for (const char* bad : {"", "n +", "(n", "3x", "n n", "99999999999999999999", "floor(n)"}) {
    EXPECT_FALSE(Dim::parse(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace cycloid
