#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

OptimizeOptions finite() {
  OptimizeOptions options;
  options.assume_finite = true;
  return options;
}

// inf - inf is NaN, and comes up in one order only.
TEST(ReassociateMatMul, LeavesValuesThatMayBeInfinite) {
  expect_declines(kReassociateMatMul,
                  "g (float[64, 64] a, float[64, 64] b, float[64, 1] c) => (y) { p = MatMul(a, b) y = MatMul(p, c) }");
  expect_declines(kFactorMatMul,
                  "g (float[N, 32] x, float[32, 32] a, float[32, 32] b) => (y) { p = MatMul(x, a) q = MatMul(x, b) y = "
                  "Add(p, q) }");
}

void expect_declines_finite(const Rule& rule, std::string_view text) {
  OptimizeOptions options = finite();
  options.only = {std::string(rule.name)};
  const auto optimized = optimize(parse_typed(text), options);
  ASSERT_TRUE(optimized.ok());
  EXPECT_TRUE(optimized->ledger.applications.empty()) << print(optimized->model);
}

TEST(ReassociateMatMul, TakesTheCheaperOrder) {
  const Optimized optimized = expect_becomes(
      kReassociateMatMul,
      "g (float[64, 64] a, float[64, 64] b, float[64, 1] c) => (y) { p = MatMul(a, b) y = MatMul(p, c) }",
      "MatMul MatMul", finite());
  EXPECT_EQ(optimized.ledger.applications.size(), 1U);
  expect_declines_finite(
      kReassociateMatMul,
      "g (float[64, 64] a, float[64, 64] b, float[64, 1] c) => (y) { p = MatMul(b, c) y = MatMul(a, p) }");
}

TEST(ReassociateMatMul, ComposesLayersOfWeights) {
  expect_becomes(kReassociateMatMul,
                 "g (float[N, 2] x) => (y) <float[2, 4] a = {1, 2, 3, 4, 5, 6, 7, 8}, float[4, 2] b = {1, 2, 3, 4, 5, "
                 "6, 7, 8}> { p = MatMul(x, a) y = MatMul(p, b) }",
                 "MatMul MatMul", finite());
  // A bottleneck is there to save work.
  expect_declines_finite(kReassociateMatMul,
                         "g (float[N, 4] x) => (y) <float[4, 1] a = {1, 2, 3, 4}, float[1, 4] b = {1, 2, 3, 4}> { p = "
                         "MatMul(x, a) y = MatMul(p, b) }");
}

TEST(ReassociateMatMul, LeavesAProductThatIsUsed) {
  expect_declines_finite(
      kReassociateMatMul,
      "g (float[64, 64] a, float[64, 64] b, float[64, 1] c) => (y, p) { p = MatMul(a, b) y = MatMul(p, c) }");
}

TEST(ReassociateMatMul, LeavesBatches) {
  expect_declines_finite(
      kReassociateMatMul,
      "g (float[3, 64, 64] a, float[64, 64] b, float[64, 1] c) => (y) { p = MatMul(a, b) y = MatMul(p, c) }");
}

TEST(FactorMatMul, Fires) {
  expect_becomes(
      kFactorMatMul,
      "g (float[N, 32] x, float[32, 32] a, float[32, 32] b) => (y) { p = MatMul(x, a) q = MatMul(x, b) y = Add(p, q) }",
      "Add MatMul", finite());
  expect_becomes(
      kFactorMatMul,
      "g (float[N, 32] x, float[N, 32] z, float[32, 32] b) => (y) { p = MatMul(x, b) q = MatMul(z, b) y = Add(p, q) }",
      "Add MatMul", finite());
}

TEST(FactorMatMul, LeavesOthers) {
  expect_declines_finite(
      kFactorMatMul,
      "g (float[32, 32] x, float[32, 32] a, float[32, 32] b) => (y) { p = MatMul(x, a) q = MatMul(b, x) y "
      "= Add(p, q) }");
  expect_declines_finite(
      kFactorMatMul,
      "g (float[32, 32] x, float[32, 32] a, float[32, 32] b) => (y, p) { p = MatMul(x, a) q = MatMul(x, b) "
      "y = Add(p, q) }");
}

}  // namespace
}  // namespace cycloid::testing
