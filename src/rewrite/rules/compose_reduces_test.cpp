#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(ComposeReduces, WithoutKeptAxes) {
  expect_rewrites(
      kComposeReduces,
      "g (float[2, N, 3, 4] x) => (y) <int64[1] a = {1}, int64[1] b = {-1}> { t = ReduceSum<keepdims = 0>(x, a) y = "
      "ReduceSum<keepdims = 0>(t, b) }",
      "g (float[2, N, 3, 4] x) => (y) <int64[2] a = {1, 3}> { y = ReduceSum<keepdims = 0>(x, a) }");
}

TEST(ComposeReduces, MeansWithKeptAxes) {
  expect_rewrites(
      kComposeReduces,
      "g (float[N, 3, 4] x) => (y) <int64[1] a = {2}, int64[1] b = {1}> { t = ReduceMean(x, a) y = ReduceMean(t, b) }",
      "g (float[N, 3, 4] x) => (y) <int64[2] a = {1, 2}> { y = ReduceMean(x, a) }");
}

TEST(ComposeReduces, TakesASqueezeIn) {
  expect_rewrites(kComposeReduces,
                  "g (float[N, 3, 4] x) => (y) <int64[2] a = {1, 2}> { t = ReduceMax(x, a) y = Squeeze(t, a) }",
                  "g (float[N, 3, 4] x) => (y) <int64[2] a = {1, 2}> { y = ReduceMax<keepdims = 0>(x, a) }");
}

TEST(ComposeReduces, TakesAnUnsqueezeIn) {
  expect_rewrites(
      kComposeReduces,
      "g (float[N, 3, 4] x) => (y) <int64[1] a = {1}> { t = ReduceMax<keepdims = 0>(x, a) y = Unsqueeze(t, a) }",
      "g (float[N, 3, 4] x) => (y) <int64[1] a = {1}> { y = ReduceMax<keepdims = 1>(x, a) }");
}

// A sum of squares of sums of squares is none of the elements.
TEST(ComposeReduces, LeavesSumsOfSquares) {
  expect_declines(kComposeReduces,
                  "g (float[N, 3, 4] x) => (y) <int64[1] a = {1}, int64[1] b = {2}> { t = ReduceSumSquare(x, a) y = "
                  "ReduceSumSquare(t, b) }");
}

TEST(ComposeReduces, LeavesOtherReductions) {
  expect_declines(
      kComposeReduces,
      "g (float[N, 3, 4] x) => (y) <int64[1] a = {1}, int64[1] b = {2}> { t = ReduceMax(x, a) y = ReduceSum(t, b) }");
}

TEST(ComposeReduces, LeavesASqueezeOfAnotherAxis) {
  expect_declines(
      kComposeReduces,
      "g (float[1, N, 4] x) => (y) <int64[1] a = {2}, int64[1] b = {0}> { t = ReduceMax(x, a) y = Squeeze(t, b) }");
}

TEST(ComposeReduces, LeavesAReductionThatIsUsedElsewhere) {
  expect_declines(kComposeReduces,
                  "g (float[N, 3, 4] x) => (y, t) <int64[2] a = {1, 2}> { t = ReduceMax(x, a) y = Squeeze(t, a) }");
}

}  // namespace
}  // namespace cycloid::testing
