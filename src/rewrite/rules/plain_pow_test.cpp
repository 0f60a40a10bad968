#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

std::string power(const std::string& exponent, const std::string& before = "a = Sin(x)") {
  return "g (float[N, 3] x) => (y) <float e = {" + exponent + "}> { " + before + " y = Pow(a, e) }";
}

TEST(PlainPow, SmallExponents) {
  expect_becomes(kPlainPow, power("2"), "Sin Mul");
  expect_becomes(kPlainPow, power("3"), "Sin Mul Mul");
  expect_becomes(kPlainPow, power("-1"), "Sin Reciprocal");
  expect_becomes(kPlainPow, power("1"), "Sin");
  for (const char* exponent : {"2", "3", "-1", "1"})
    expect_same_on_special_values(kPlainPow, power(exponent, "a = Neg(x)"));
}

TEST(PlainPow, RootOfWhatIsNeverNegative) {
  expect_becomes(kPlainPow, power("0.5", "a = Mul(x, x)"), "Mul Sqrt");
  expect_becomes(kPlainPow, power("0.5", "b = Mul(x, x) c = Exp(x) a = Add(b, c)"), "Mul Exp Add Sqrt");
  expect_same_on_special_values(kPlainPow, power("0.5", "a = Abs(x)"));
}

// pow(-inf, 0.5) is inf, sqrt(-inf) is NaN.
// The maximum of nothing is -infinity, of which pow(x, 0.5) is infinity and the root NaN.
TEST(PlainPow, LeavesARootOfAMaximumOfNothing) {
  constexpr const char* kEnd =
      "<float h = {0.5}, int64[1] axis = {0}> { s = Sigmoid(x) m = ReduceMax(s, axis) y = Pow(m, h) }";
  expect_declines(kPlainPow, std::string("g (float[N, 4] x) => (y) ") + kEnd);
  expect_becomes(kPlainPow, std::string("g (float[3, 4] x) => (y) ") + kEnd, "Sigmoid ReduceMax Sqrt");
}

TEST(PlainPow, LeavesARootOfWhatMayBeNegative) { expect_declines(kPlainPow, power("0.5")); }

TEST(PlainPow, LeavesOtherExponentsAndBroadcasts) {
  expect_declines(kPlainPow, power("2.5"));
  expect_declines(kPlainPow, "g (float[3] x) => (y) <float[2, 1] e = {2, 2}> { y = Pow(x, e) }");
  expect_declines(kPlainPow, "g (int64[3] x) => (y) <float e = {2}> { y = Pow(x, e) }");
}

}  // namespace
}  // namespace cycloid::testing
