#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

constexpr const char* kExp = "g (float[N, 2] x) => (y) { y = Exp(x) }";

TEST(DropNeutral, Factors) {
  expect_rewrites(
      kDropNeutral,
      "g (float[N, 2] x) => (y) <float one = {1}, float[1, 2] ones = {1, 1}> { a = Mul(one, x) b = Div(a, ones) c = "
      "Pow(b, one) y = Exp(c) }",
      kExp);
}

TEST(DropNeutral, Summands) {
  expect_rewrites(
      kDropNeutral,
      "g (float[N, 2] x) => (y) <float zero = {0}, float minus = {-0.0}> { a = Sub(x, zero) b = Add(minus, a) y = "
      "Exp(b) }",
      kExp);
}

TEST(DropNeutral, ZeroAfterWhatIsNeverNegativeZero) {
  expect_rewrites(kDropNeutral,
                  "g (float[N] x) => (y) <float zero = {0}> { a = Sigmoid(x) b = Add(a, zero) y = Exp(b) }",
                  "g (float[N] x) => (y) { a = Sigmoid(x) y = Exp(a) }");
}

TEST(DropNeutral, IntegerZero) {
  expect_rewrites(kDropNeutral, "g (int64[N] x) => (y) <int64 zero = {0}> { a = Add(x, zero) y = Neg(a) }",
                  "g (int64[N] x) => (y) { y = Neg(x) }");
}

TEST(DropNeutral, WhereOfOneChoice) {
  expect_rewrites(kDropNeutral, "g (float[N, 2] x, float z) => (y) <bool c = {1}> { a = Where(c, x, z) y = Exp(a) }",
                  "g (float[N, 2] x, float z) => (y) { y = Exp(x) }");
}

// -0 + 0 is 0, and 1 / 0 is not 1 / -0.
TEST(DropNeutral, LeavesZeroAddedToFloats) {
  expect_declines(kDropNeutral, "g (float[N] x) => (y) <float zero = {0}> { a = Add(x, zero) y = Reciprocal(a) }");
}

// 0 * NaN is NaN.
TEST(DropNeutral, LeavesZeroAsAFactor) {
  expect_declines(kDropNeutral, "g (float[N] x) => (y) <float zero = {0}> { a = Mul(x, zero) y = Exp(a) }");
}

TEST(DropNeutral, LeavesWhatBroadcasts) {
  expect_declines(kDropNeutral, "g (float[N, 1] x) => (y) <float[2] ones = {1, 1}> { a = Mul(x, ones) y = Exp(a) }");
}

TEST(DropNeutral, LeavesOneDividedByX) {
  expect_declines(kDropNeutral, "g (float[N] x) => (y) <float one = {1}> { a = Div(one, x) y = Exp(a) }");
}

}  // namespace
}  // namespace cycloid::testing
