#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

const OptimizeOptions kFinite = {.assume_finite = true};

TEST(FactorProduct, OfASumAndADifference) {
  expect_becomes(kFactorProduct,
                 "g (float[N, 4] x, float[N, 4] a, float[N, 4] b) => (y) { p = Mul(x, a) q = Mul(b, x) y = Add(p, q) }",
                 "Add Mul", kFinite);
  expect_becomes(kFactorProduct,
                 "g (int64[N, 4] x, int64[N, 4] a, int64[N, 4] b) => (y) { p = Mul(x, a) q = Mul(b, x) y = Sub(p, q) }",
                 "Sub Mul");
}

TEST(FactorProduct, LeavesOthers) {
  expect_declines(kFactorProduct,
                  "g (float[N] x, float[N] a, float[N] b) => (y) { p = Mul(x, a) q = Mul(b, x) y = Add(p, q) }");
  expect_declines(kFactorProduct,
                  "g (int64[N] x, int64[N] a, int64[N] b) => (y) { p = Mul(a, a) q = Mul(b, x) y = Add(p, q) }");
  expect_declines(kFactorProduct,
                  "g (int64[N] x, int64[N] a, int64[N] b) => (y, p) { p = Mul(x, a) q = Mul(b, x) y = Add(p, q) }");
}

}  // namespace
}  // namespace cycloid::testing
