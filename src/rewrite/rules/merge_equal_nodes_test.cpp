#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(MergeEqualNodes, Fires) {
  expect_rewrites(kMergeEqualNodes, "g (float[N] x) => (y) { a = Exp(x) b = Exp(x) y = Add(a, b) }",
                  "g (float[N] x) => (y) { a = Exp(x) y = Add(a, a) }");
}

TEST(MergeEqualNodes, KeepsTheOneThatIsAnOutput) {
  expect_rewrites(kMergeEqualNodes, "g (float[N] x) => (y, z) { a = Exp(x) y = Exp(x) z = Neg(a) }",
                  "g (float[N] x) => (y, z) { y = Exp(x) z = Neg(y) }");
}

TEST(MergeEqualNodes, SeesThroughDuplicatedInitializers) {
  expect_rewrites(kMergeEqualNodes,
                  "g (float[N] x) => (y) <float a = {2}, float b = {2}> { s = Mul(x, a) t = Mul(x, b) y = Add(s, t) }",
                  "g (float[N] x) => (y) <float a = {2}> { s = Mul(x, a) y = Add(s, s) }");
}

TEST(MergeEqualNodes, ComparesSubgraphs) {
  expect_rewrites(
      kMergeEqualNodes,
      "g (bool c, float[2] x) => (y) { a = If(c) <then_branch = t () => (p) { p = Exp(x) }, else_branch = e "
      "() => (q) { q = Neg(x) }> b = If(c) <then_branch = u () => (r) { r = Exp(x) }, else_branch = f () => "
      "(s) { s = Neg(x) }> y = Add(a, b) }",
      "g (bool c, float[2] x) => (y) { a = If(c) <then_branch = u () => (r) { r = Exp(x) }, else_branch = f "
      "() => (s) { s = Neg(x) }> y = Add(a, a) }");
}

TEST(MergeEqualNodes, LeavesSubgraphsOfOtherCaptures) {
  expect_declines(
      kMergeEqualNodes,
      "g (bool c, float[2] x, float[2] z) => (y) { a = If(c) <then_branch = t () => (p) { p = Exp(x) }, else_branch = "
      "e "
      "() => (q) { q = Neg(x) }> b = If(c) <then_branch = u () => (r) { r = Exp(z) }, else_branch = f () => (s) { s = "
      "Neg(x) }> y = Add(a, b) }");
}

// Merged first, neither normalisation could go into the convolution.
TEST(MergeEqualNodes, LeavesConvolutionsThatTakeTheirNormalizationIn) {
  expect_declines(
      kMergeEqualNodes,
      "g (float[N, 1, 3] x) => (y) <float[1, 1, 1] w = {2}, float[1] s = {1}, float[1] b = {2}, float[1] m = {0}, "
      "float[1] v = {1}> { c = Conv(x, w) d = Conv(x, w) e = BatchNormalization(c, s, b, m, v) f = "
      "BatchNormalization(d, b, s, m, v) y = Add(e, f) }");
}

// 0 and -0 are equal numbers, and 1/x of them is not.
TEST(MergeEqualNodes, LeavesZerosOfOtherSigns) {
  expect_declines(
      kMergeEqualNodes,
      "g (float[N] x) => (y) <float a = {0}, float b = {-0.0}> { s = Mul(x, a) t = Mul(x, b) y = Add(s, t) }");
}

TEST(MergeEqualNodes, LeavesTwoOutputs) {
  expect_declines(kMergeEqualNodes, "g (float[N] x) => (y, z) { y = Exp(x) z = Exp(x) }");
}

TEST(MergeEqualNodes, LeavesOtherAttributes) {
  expect_declines(
      kMergeEqualNodes,
      "g (float[N] x) => (y) { a = LeakyRelu<alpha = 0.1>(x) b = LeakyRelu<alpha = 0.2>(x) y = Add(a, b) }");
}

TEST(MergeEqualNodes, LeavesOtherOrderOfInputs) {
  expect_declines(kMergeEqualNodes, "g (float[N] x, float[N] z) => (y) { a = Sub(x, z) b = Sub(z, x) y = Add(a, b) }");
}

TEST(MergeEqualNodes, LeavesRandomness) {
  expect_declines(
      kMergeEqualNodes,
      "g (float[N] x) => (y) { a = RandomNormalLike(x) b = RandomNormalLike(x) c = Sub(a, b) y = Mul(c, x) }");
}

}  // namespace
}  // namespace cycloid::testing
