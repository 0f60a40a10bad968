#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(ComposeTransposes, Fires) {
  expect_rewrites(
      kComposeTransposes,
      "g (float[A, B, 3] x) => (y) { t = Transpose<perm = [1, 2, 0]>(x) y = Transpose<perm = [0, 2, 1]>(t) }",
      "g (float[A, B, 3] x) => (y) { y = Transpose<perm = [1, 0, 2]>(x) }");
}

TEST(ComposeTransposes, ReversesWithoutPerm) {
  expect_rewrites(kComposeTransposes,
                  "g (float[A, B, 3] x) => (y) { t = Transpose(x) y = Transpose<perm = [0, 2, 1]>(t) }",
                  "g (float[A, B, 3] x) => (y) { y = Transpose<perm = [2, 0, 1]>(x) }");
}

TEST(ComposeTransposes, KeepsTheInnerOneForOtherUses) {
  expect_rewrites(kComposeTransposes, "g (float[A, 3] x) => (y, z) { t = Transpose(x) y = Transpose(t) z = Relu(t) }",
                  "g (float[A, 3] x) => (y, z) { t = Transpose(x) y = Transpose<perm = [0, 1]>(x) z = Relu(t) }");
}

TEST(ComposeTransposes, LeavesOneTranspose) {
  expect_declines(kComposeTransposes, "g (float[A, B] x) => (y) { t = Relu(x) y = Transpose(t) }");
}

TEST(ComposeTransposes, LeavesAnUnknownRank) {
  expect_declines(kComposeTransposes, "g (float[] x) => (y) { t = Transpose(x) y = Transpose(t) }");
}

}  // namespace
}  // namespace cycloid::testing
