#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

// The expected constants are exact in float32.
TEST(FoldScaleIntoWeights, FactorAfterConv) {
  expect_rewrites(
      kFoldScaleIntoWeights,
      "g (float[N, 1, 3, 3] x) => (y) <float[2, 1, 1, 1] w = {2, 3}, float[2] b = {1, -1}, float[2, 1, 1] s = {0.5, "
      "-2}> { t = Conv(x, w, b) y = Mul(s, t) }",
      "g (float[N, 1, 3, 3] x) => (y) <float[2, 1, 1, 1] w = {1, -6}, float[2] b = {0.5, 2}> { y = Conv(x, w, b) }");
}

TEST(FoldScaleIntoWeights, ShiftGivesConvABias) {
  expect_rewrites(
      kFoldScaleIntoWeights,
      "g (float[N, 1, 3, 3] x) => (y) <float[2, 1, 1, 1] w = {2, 3}, float[1, 2, 1, 1] s = {0.5, -2}> { t = Conv(x, w) "
      "y = Sub(t, s) }",
      "g (float[N, 1, 3, 3] x) => (y) <float[2, 1, 1, 1] w = {2, 3}, float[2] b = {-0.5, 2}> { y = Conv(x, w, b) }");
}

// Output channel 1 of the second group is channel 3: out = group * 2 + column.
TEST(FoldScaleIntoWeights, GroupedConvTranspose) {
  expect_rewrites(
      kFoldScaleIntoWeights,
      "g (float[N, 2, 3] x) => (y) <float[2, 2, 1] w = {1, 1, 1, 1}, float[4, 1] s = {1, 2, 4, 8}> { t = "
      "ConvTranspose<group = 2>(x, w) y = Mul(t, s) }",
      "g (float[N, 2, 3] x) => (y) <float[2, 2, 1] w = {1, 2, 4, 8}> { y = ConvTranspose<group = 2>(x, w) }");
}

TEST(FoldScaleIntoWeights, BatchNormalization) {
  expect_rewrites(
      kFoldScaleIntoWeights,
      "g (float[N, 2, 3] x) => (y) <float[2] s = {1, 2}, float[2] b = {1, 1}, float[2] m = {0, 1}, float[2] v = {1, "
      "4}, float f = {2}, float[2, 1] a = {1, 3}> { t = BatchNormalization(x, s, b, m, v) u = Mul(t, f) y = Add(u, a) "
      "}",
      "g (float[N, 2, 3] x) => (y) <float[2] m = {0, 1}, float[2] v = {1, 4}, float[2] s = {2, 4}, float[2] b = {3, "
      "5}> { y = BatchNormalization(x, s, b, m, v) }");
}

TEST(FoldScaleIntoWeights, GemmWithABeta) {
  expect_rewrites(
      kFoldScaleIntoWeights,
      "g (float[N, 2] x) => (y) <float[2, 2] w = {1, 2, 3, 4}, float[2] c = {2, 4}, float[2] s = {2, 4}> { t = "
      "Gemm<beta = 0.5, transB = 1>(x, w, c) u = Div(t, s) y = Add(u, s) }",
      "g (float[N, 2] x) => (y) <float[2, 2] w = {0.5, 1, 0.75, 1}, float[2] c = {2.5, 4.5}> { y = Gemm<transB = 1>(x, "
      "w, c) }");
}

TEST(FoldScaleIntoWeights, MatMulOfAnyRank) {
  expect_rewrites(
      kFoldScaleIntoWeights,
      "g (float[N, 3, 2] x) => (y) <float[2, 2] w = {1, 2, 3, 4}, float s = {0.5}> { t = MatMul(x, w) y = Mul(t, s) }",
      "g (float[N, 3, 2] x) => (y) <float[2, 2] w = {0.5, 1, 1.5, 2}> { y = MatMul(x, w) }");
}

TEST(FoldScaleIntoWeights, LeavesFactorsAlongAnotherAxis) {
  expect_declines(
      kFoldScaleIntoWeights,
      "g (float[N, 1, 3, 2] x) => (y) <float[2, 1, 1, 1] w = {2, 3}, float[2] s = {0.5, -2}> { t = Conv(x, w) y = "
      "Mul(t, s) }");
}

TEST(FoldScaleIntoWeights, LeavesAConvThatIsUsedElsewhere) {
  expect_declines(
      kFoldScaleIntoWeights,
      "g (float[N, 1, 3, 3] x) => (y, z) <float[2, 1, 1, 1] w = {2, 3}, float s = {2}> { t = Conv(x, w) y = Mul(t, s) "
      "z = Relu(t) }");
}

// 3e38 * 2 is no float: the original may have stayed finite.
TEST(FoldScaleIntoWeights, LeavesWhatWouldOverflow) {
  expect_declines(
      kFoldScaleIntoWeights,
      "g (float[N, 1, 3, 3] x) => (y) <float[2, 1, 1, 1] w = {3e38, 3}, float s = {2}> { t = Conv(x, w) y = Mul(t, s) "
      "}");
}

// The factor's shape makes the result larger than the convolution's.
TEST(FoldScaleIntoWeights, LeavesBroadcastingOfTheResult) {
  expect_declines(
      kFoldScaleIntoWeights,
      "g (float[N, 2] x) => (y) <float[2, 2] w = {1, 2, 3, 4}, float[1, 1, 2] s = {2, 4}> { t = MatMul(x, w) y = "
      "Mul(t, s) }");
}

}  // namespace
}  // namespace cycloid::testing
