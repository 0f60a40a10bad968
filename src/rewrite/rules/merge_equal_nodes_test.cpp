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
