#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

constexpr const char* kRelu = "g (float[N, 4] x) => (y) { y = Relu(x) }";

TEST(DropNoOp, ReshapeToTheSameSymbolicShape) {
  expect_rewrites(kDropNoOp, "g (float[N, 4] x) => (y) <int64[2] s = {0, 4}> { t = Reshape(x, s) y = Relu(t) }", kRelu);
}

TEST(DropNoOp, FlattenOfAMatrix) {
  expect_rewrites(kDropNoOp, "g (float[N, 4] x) => (y) { t = Flatten(x) y = Relu(t) }", kRelu);
}

TEST(DropNoOp, ExpandByOnes) {
  expect_rewrites(kDropNoOp, "g (float[N, 4] x) => (y) <int64[2] s = {1, 1}> { t = Expand(x, s) y = Relu(t) }", kRelu);
}

TEST(DropNoOp, TileOnce) {
  expect_rewrites(kDropNoOp, "g (float[N, 4] x) => (y) <int64[2] r = {1, 1}> { t = Tile(x, r) y = Relu(t) }", kRelu);
}

TEST(DropNoOp, FullSlice) {
  expect_rewrites(
      kDropNoOp,
      "g (float[N, 4] x) => (y) <int64[1] s = {0}, int64[1] e = {9223372036854775807}> { t = Slice(x, s, e) y = "
      "Relu(t) }",
      kRelu);
}

TEST(DropNoOp, EmptyPad) {
  expect_rewrites(kDropNoOp, "g (float[N, 4] x) => (y) <int64[4] p = {0, 0, 0, 0}> { t = Pad(x, p) y = Relu(t) }",
                  kRelu);
}

TEST(DropNoOp, JoinsOfOne) {
  expect_rewrites(kDropNoOp, "g (float[N, 4] x) => (y) { a = Sum(x) b = Concat<axis = 0>(a) c = Max(b) y = Relu(c) }",
                  kRelu);
}

// The sizes stay, the elements do not.
TEST(DropNoOp, LeavesAReversal) {
  expect_declines(
      kDropNoOp,
      "g (float[3] x) => (y) <int64[1] s = {-1}, int64[1] e = {-9}, int64[1] a = {0}, int64[1] t = {-1}> { r = "
      "Slice(x, s, e, a, t) y = Relu(r) }");
}

TEST(DropNoOp, LeavesAShiftByPad) {
  expect_declines(kDropNoOp, "g (float[3] x) => (y) <int64[2] p = {1, -1}> { r = Pad(x, p) y = Relu(r) }");
}

// [N, 4] and [4, N] are equal for one N only.
TEST(DropNoOp, LeavesOtherShapes) {
  expect_declines(kDropNoOp, "g (float[N, 4] x) => (y) <int64[2] s = {4, -1}> { t = Reshape(x, s) y = Relu(t) }");
}

TEST(DropNoOp, LeavesAnOutputThatWouldBeAnInput) {
  expect_declines(kDropNoOp, "g (float[N, 4] x) => (y) { y = Flatten(x) }");
}

}  // namespace
}  // namespace cycloid::testing
