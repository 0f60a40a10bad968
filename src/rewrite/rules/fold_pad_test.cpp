#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(FoldPad, IntoConv) {
  expect_rewrites(
      kFoldPad,
      "g (float[N, 1, 5, 5] x, float[2, 1, 3, 3] w) => (y) <int64[8] p = {0, 0, 1, 0, 0, 0, 2, 1}> { t = Pad(x, p) y = "
      "Conv<auto_pad = \"VALID\">(t, w) }",
      "g (float[N, 1, 5, 5] x, float[2, 1, 3, 3] w) => (y) { y = Conv<pads = [1, 0, 2, 1]>(x, w) }");
}

TEST(FoldPad, AddsToPadsAndReadsAxes) {
  expect_rewrites(
      kFoldPad,
      "g (float[N, 1, 5, 5] x, float[2, 1, 3, 3] w) => (y) <int64[2] p = {1, 2}, float z = {0}, int64[1] a = {-1}> { "
      "t = Pad(x, p, z, a) y = Conv<pads = [1, 1, 1, 1]>(t, w) }",
      "g (float[N, 1, 5, 5] x, float[2, 1, 3, 3] w) => (y) { y = Conv<pads = [1, 2, 1, 3]>(x, w) }");
}

TEST(FoldPad, IntoMaxPool) {
  expect_rewrites(
      kFoldPad,
      "g (float[N, 1, 5] x) => (y) <int64[6] p = {0, 0, 1, 0, 0, 1}, float v = {-inf}> { t = Pad(x, p, v) y = "
      "MaxPool<kernel_shape = [2]>(t) }",
      "g (float[N, 1, 5] x) => (y) { y = MaxPool<kernel_shape = [2], pads = [1, 1]>(x) }");
}

TEST(FoldPad, IntoAveragePool) {
  expect_rewrites(
      kFoldPad,
      "g (float[N, 1, 5] x) => (y) <int64[6] p = {0, 0, 1, 0, 0, 1}> { t = Pad(x, p) y = AveragePool<kernel_shape = "
      "[2]>(t) }",
      "g (float[N, 1, 5] x) => (y) { y = AveragePool<count_include_pad = 1, kernel_shape = [2], pads = [1, 1]>(x) }");
}

// A maximum with 0 is not one with -inf.
TEST(FoldPad, LeavesZerosBeforeMaxPool) {
  expect_declines(kFoldPad,
                  "g (float[N, 1, 5] x) => (y) <int64[6] p = {0, 0, 1, 0, 0, 1}> { t = Pad(x, p) y = "
                  "MaxPool<kernel_shape = [2]>(t) "
                  "}");
}

// Its own padding is not counted, that of the Pad is.
TEST(FoldPad, LeavesAnAverageWithPaddingOfItsOwn) {
  expect_declines(
      kFoldPad,
      "g (float[N, 1, 5] x) => (y) <int64[6] p = {0, 0, 1, 0, 0, 0}> { t = Pad(x, p) y = AveragePool<kernel_shape = "
      "[3], pads = [1, 1]>(t) }");
}

TEST(FoldPad, LeavesReflection) {
  expect_declines(kFoldPad,
                  "g (float[N, 1, 5] x, float[2, 1, 3] w) => (y) <int64[6] p = {0, 0, 1, 0, 0, 1}> { t = Pad<mode = "
                  "\"reflect\">(x, p) y = Conv(t, w) }");
}

TEST(FoldPad, LeavesPaddedChannels) {
  expect_declines(kFoldPad,
                  "g (float[N, 1, 5] x, float[2, 2, 3] w) => (y) <int64[6] p = {0, 1, 1, 0, 0, 1}> { t = Pad(x, p) y = "
                  "Conv(t, w) }");
}

}  // namespace
}  // namespace cycloid::testing
