#include <limits>

#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

void expect_same_on_special_values(const Rule& rule, const std::string& text) {
  const ModelIr model = parse_typed(text);
  const Optimized optimized = apply_alone(rule, model, 2);
  EXPECT_EQ(optimized.ledger.applications.size(), 1U);
  const float infinity = std::numeric_limits<float>::infinity();
  const auto x =
      Tensor::of<float>({2, 3}, {-0.0F, infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), 1e-40F, 3e38F});
  expect_same(model, optimized.model, {x}, false);
}

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
