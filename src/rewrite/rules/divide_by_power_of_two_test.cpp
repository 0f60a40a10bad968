#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(DivideByPowerOfTwo, IsExact) {
  const std::string text = "g (float[N, 3] x) => (y) <float[3] c = {8, -0.25, 1}> { y = Div(x, c) }";
  expect_becomes(kDivideByPowerOfTwo, text, "Mul");
  expect_same_on_special_values(kDivideByPowerOfTwo, text);
}

TEST(DivideByPowerOfTwo, LeavesOtherNumbers) {
  for (const char* number : {"3", "0", "inf", "nan", "1e-40", "1.7014118e38"}) {
    expect_declines(kDivideByPowerOfTwo,
                    std::string("g (float[N] x) => (y) <float c = {") + number + "}> { y = Div(x, c) }");
  }
  expect_declines(kDivideByPowerOfTwo, "g (int64[N] x) => (y) <int64 c = {4}> { y = Div(x, c) }");
  expect_declines(kDivideByPowerOfTwo, "g (float[N] x) => (y) <float c = {4}> { y = Div(c, x) }");
}

}  // namespace
}  // namespace cycloid::testing
