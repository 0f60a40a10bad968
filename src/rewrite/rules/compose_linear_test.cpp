#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

const OptimizeOptions kFinite = {.assume_finite = true};

TEST(ComposeLinear, GemmsAndTheirBiases) {
  expect_becomes(
      kComposeLinear,
      "g (float[N, 2] x) => (y) <float[3, 2] a = {1, 2, 3, 4, 5, 6}, float[3] b = {1, -1, 2}, float[2, 3] c = {1, "
      "0, 2, -1, 3, 1}, float[2] d = {0.5, 1}> { h = Gemm<transB = 1>(x, a, b) y = Gemm<transB = 1>(h, c, d) }",
      "Transpose Transpose MatMul MatMul Add Gemm", kFinite);
}

TEST(ComposeLinear, MatMulsOfAnyRank) {
  expect_becomes(
      kComposeLinear,
      "g (float[B, N, 2] x) => (y) <float[2, 3] a = {1, 2, 3, 4, 5, 6}, float[3] b = {1, -1, 2}, float[3, 2] c = "
      "{1, 0, 2, -1, 3, 1}> { h = MatMul(x, a) i = Add(h, b) y = MatMul(i, c) }",
      "MatMul MatMul MatMul Add", kFinite);
}

TEST(ComposeLinear, LeavesWhatWouldBeMoreWork) {
  const ModelIr model = parse_typed(
      "g (float[N, 3] x) => (y) <float[3, 1] a = {1, 2, 3}, float[1, 3] c = {1, 0, 2}> { h = MatMul(x, a) y = "
      "MatMul(h, c) "
      "}");
  const auto optimized = optimize(model, {.only = {"compose-linear"}, .assume_finite = true});
  ASSERT_TRUE(optimized.ok());
  EXPECT_TRUE(optimized->ledger.applications.empty());
}

TEST(ComposeLinear, LeavesValuesThatMayBeInfinite) {
  expect_declines(kComposeLinear,
                  "g (float[N, 2] x) => (y) <float[2, 2] a = {1, 2, 3, 4}> { h = MatMul(x, a) y = MatMul(h, a) }");
}

}  // namespace
}  // namespace cycloid::testing
