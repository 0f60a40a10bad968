#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

const OptimizeOptions kFinite = {.assume_finite = true};

constexpr const char* kChoice =
    "g (float[N, 3] a, float[N, 3] b, bool[N, 1] c) => (y) <float one = {1}> { m = Cast<to = 1>(c) n = Sub(one, m) p = "
    "Mul(a, m) q = Mul(n, b) y = Add(p, q) }";

TEST(MaskToWhere, ForFiniteValues) {
  expect_becomes(kMaskToWhere, kChoice, "Where", kFinite);
  expect_becomes(
      kMaskToWhere,
      "g (float[N, 3] a, float[N, 3] b, bool[N, 1] c) => (y) { m = Cast<to = 1>(c) d = Not(c) n = Cast<to = 1>(d) "
      "p = Mul(a, n) q = Mul(m, b) y = Add(p, q) }",
      "Where", kFinite);
}

TEST(MaskToWhere, LeavesValuesThatMayBeInfinite) { expect_declines(kMaskToWhere, kChoice); }

TEST(MaskToWhere, OfIntegers) {
  expect_becomes(
      kMaskToWhere,
      "g (int64[N] a, int64[N] b, bool[N] c) => (y) <int64 one = {1}> { m = Cast<to = 7>(c) n = Sub(one, m) p = "
      "Mul(a, m) q = Mul(n, b) y = Add(p, q) }",
      "Where");
}

TEST(MaskToWhere, LeavesTwoConditions) {
  const ModelIr model = parse_typed(
      "g (float[N] a, float[N] b, bool[N] c, bool[N] d) => (y) <float one = {1}> { m = Cast<to = 1>(c) e = Cast<to = "
      "1>(d) "
      "n = Sub(one, e) p = Mul(a, m) q = Mul(n, b) y = Add(p, q) }");
  const auto optimized = optimize(model, {.only = {"mask-to-where"}, .assume_finite = true});
  ASSERT_TRUE(optimized.ok());
  EXPECT_TRUE(optimized->ledger.applications.empty());
}

}  // namespace
}  // namespace cycloid::testing
