#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(ComposeReshapes, Fires) {
  expect_rewrites(kComposeReshapes,
                  "g (float[N, 4, 6] x) => (y) <int64[2] s = {-1, 24}, int64[3] t = {-1, 8, 3}> { a = Reshape(x, s) y "
                  "= Reshape(a, t) }",
                  "g (float[N, 4, 6] x) => (y) <int64[3] t = {-1, 8, 3}> { y = Reshape(x, t) }");
}

TEST(ComposeReshapes, TakesFlattenAndSqueezeIn) {
  expect_rewrites(kComposeReshapes,
                  "g (float[N, 1, 6] x) => (y) <int64[1] axes = {1}, int64[2] t = {-1, 3}> { a = Squeeze(x, axes) b = "
                  "Flatten(a) y = Reshape(b, t) }",
                  "g (float[N, 1, 6] x) => (y) <int64[2] t = {-1, 3}> { y = Reshape(x, t) }");
}

// A 0 copies a size of the reshape's own input; the size is known to be that of x too.
TEST(ComposeReshapes, CopiesASizeOfTheFirstInput) {
  expect_rewrites(kComposeReshapes,
                  "g (float[N, 4, 6] x) => (y) <int64[2] s = {-1, 24}, int64[3] t = {0, 8, 3}> { a = Reshape(x, s) y = "
                  "Reshape(a, t) }",
                  "g (float[N, 4, 6] x) => (y) <int64[3] t = {0, 8, 3}> { y = Reshape(x, t) }");
}

TEST(ComposeReshapes, DropsAWayThereAndBack) {
  expect_rewrites(
      kComposeReshapes,
      "g (float[N, M, 4] x) => (y) <int64[1] axes = {1}> { a = Unsqueeze(x, axes) b = Squeeze(a, axes) y = Relu(b) }",
      "g (float[N, M, 4] x) => (y) { y = Relu(x) }");
}

TEST(ComposeReshapes, MergesUnsqueezesOfUnknownSizes) {
  expect_rewrites(
      kComposeReshapes,
      "g (float[N, M] x) => (y) <int64[1] a = {1}, int64[2] b = {0, 3}> { t = Unsqueeze(x, a) y = Unsqueeze(t, b) }",
      "g (float[N, M] x) => (y) <int64[3] a = {0, 2, 3}> { y = Unsqueeze(x, a) }");
}

TEST(ComposeReshapes, TakesInATransposeOfAxesOfOne) {
  expect_rewrites(
      kComposeReshapes,
      "g (float[N, 1, 4, 5] x) => (y) <int64[3] s = {0, 20, 1}> { a = Transpose<perm = [0, 2, 3, 1]>(x) y = Reshape(a, "
      "s) }",
      "g (float[N, 1, 4, 5] x) => (y) <int64[3] s = {0, 20, 1}> { y = Reshape(x, s) }");
}

// Two axes of other sizes change places, though the result has the shape of the input.
TEST(ComposeReshapes, LeavesATransposeThatMovesElements) {
  expect_declines(kComposeReshapes,
                  "g (float[N, 1, 4, 4] x) => (y) <int64[2] s = {0, 16}> { a = Transpose<perm = [0, 1, 3, 2]>(x) y = "
                  "Reshape(a, s) }");
}

// [0, 2, -1]: a runtime would divide by N = 0.
TEST(ComposeReshapes, LeavesTwoSizesThatMayBeZero) {
  expect_declines(kComposeReshapes,
                  "g (float[N, M, 4] x) => (y) <int64[2] s = {0, -1}, int64[3] t = {0, 2, -1}> { a = Reshape(x, s) y = "
                  "Reshape(a, t) }");
}

TEST(ComposeReshapes, LeavesAShapeKnownAtRunTimeOnly) {
  expect_declines(
      kComposeReshapes,
      "g (float[N, 4, 6] x, int64[2] t) => (y) <int64[2] s = {-1, 24}> { a = Reshape(x, s) y = Reshape(a, t) }");
}

}  // namespace
}  // namespace cycloid::testing
