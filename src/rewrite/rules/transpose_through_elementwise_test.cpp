#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

// The first founding example: (a.T + b).T => a + b.T, with b known only at run time.
TEST(TransposeThroughElementwise, FoundingExample) {
  expect_rewrites(kTransposeThroughElementwise,
                  "g (float[M, N] a, float[N, M] b) => (y) { t = Transpose(a) s = Add(t, b) y = Transpose(s) }",
                  "g (float[M, N] a, float[N, M] b) => (y) { t = Transpose<perm = [1, 0]>(b) y = Add(a, t) }");
}

TEST(TransposeThroughElementwise, Unary) {
  expect_rewrites(kTransposeThroughElementwise,
                  "g (float[A, B, 4] a) => (y) { t = Transpose<perm = [2, 0, 1]>(a) s = Sqrt(t) y = Transpose<perm = "
                  "[1, 2, 0]>(s) }",
                  "g (float[A, B, 4] a) => (y) { y = Sqrt(a) }");
}

TEST(TransposeThroughElementwise, BroadcastsAnOperandOfLowerRank) {
  expect_rewrites(kTransposeThroughElementwise,
                  "g (float[2, 3, 4] a, float[3] b) => (y) { t = Transpose<perm = [0, 2, 1]>(a) s = Mul(t, b) y = "
                  "Transpose<perm = [0, 2, 1]>(s) }",
                  "g (float[2, 3, 4] a, float[3] b) => (y) <int64[2] axes = {0, 1}> { u = Unsqueeze(b, axes) t = "
                  "Transpose<perm = [0, 2, 1]>(u) y = "
                  "Mul(a, t) }");
}

TEST(TransposeThroughElementwise, KeepsScalars) {
  expect_rewrites(kTransposeThroughElementwise,
                  "g (float[A, B] a, float s) => (y) { t = Transpose(a) p = Pow(t, s) y = Transpose(p) }",
                  "g (float[A, B] a, float s) => (y) { y = Pow(a, s) }");
}

TEST(TransposeThroughElementwise, LeavesASumThatIsUsedElsewhere) {
  expect_declines(
      kTransposeThroughElementwise,
      "g (float[A, B] a, float[B, A] b) => (y, z) { t = Transpose(a) s = Add(t, b) y = Transpose(s) z = Relu(s) }");
}

TEST(TransposeThroughElementwise, LeavesWhatIsNotElementwise) {
  expect_declines(kTransposeThroughElementwise,
                  "g (float[A, B] a) => (y) { t = Transpose(a) s = Softmax<axis = 1>(t) y = Transpose(s) }");
}

TEST(TransposeThroughElementwise, LeavesWhatWouldNotBeCheaper) {
  expect_declines(kTransposeThroughElementwise,
                  "g (float[A, B] a, float[B, A] b, float[B, A] c) => (y, z) { t = Transpose(a) s = Sum(t, b, c) y = "
                  "Transpose(s) z = Relu(t) }");
}

}  // namespace
}  // namespace cycloid::testing
