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

// A 0 copies a size of the reshape's own input.
TEST(ComposeReshapes, LeavesACopiedSize) {
  expect_declines(kComposeReshapes,
                  "g (float[N, 4, 6] x) => (y) <int64[2] s = {-1, 24}, int64[3] t = {0, 8, 3}> { a = Reshape(x, s) y = "
                  "Reshape(a, t) }");
}

TEST(ComposeReshapes, LeavesAShapeKnownAtRunTimeOnly) {
  expect_declines(
      kComposeReshapes,
      "g (float[N, 4, 6] x, int64[1] t) => (y) <int64[2] s = {-1, 24}> { a = Reshape(x, s) y = Reshape(a, t) }");
}

}  // namespace
}  // namespace cycloid::testing
