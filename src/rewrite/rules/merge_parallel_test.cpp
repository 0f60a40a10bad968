#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(MergeParallel, MatMuls) {
  expect_rewrites(
      kMergeParallel,
      "g (float[1, 2] x) => (p, q, r) <float[2, 1] a = {1, 2}, float[2, 2] b = {3, 4, 5, 6}, float[2, 1] c = {7, 8}> { "
      "p "
      "= MatMul(x, a) q = MatMul(x, b) r = MatMul(x, c) }",
      "g (float[1, 2] x) => (p, q, r) <float[2, 4] w = {1, 3, 4, 7, 2, 5, 6, 8}, int64[3] s = {1, 2, 1}> { m = "
      "MatMul(x, w) p, q, r = Split<axis = 1>(m, s) }");
}

// One of them has no bias: it gets zeros.
TEST(MergeParallel, Convs) {
  expect_rewrites(
      kMergeParallel,
      "g (float[1, 1, 3] x) => (p, q, r) <float[1, 1, 1] a = {1}, float[2, 1, 1] b = {2, 3}, float[1, 1, 1] c = {4}, "
      "float[1] d = {5}> { p = Conv(x, a) q = Conv(x, b) r = Conv(x, c, d) }",
      "g (float[1, 1, 3] x) => (p, q, r) <float[4, 1, 1] w = {1, 2, 3, 4}, float[4] b = {0, 0, 0, 5}, int64[3] s = {1, "
      "2, 1}> { m = Conv(x, w, b) p, q, r = Split<axis = 1>(m, s) }");
}

TEST(MergeParallel, GemmsByRows) {
  expect_rewrites(
      kMergeParallel,
      "g (float[1, 2] x) => (p, q, r) <float[1, 2] a = {1, 2}, float[1, 2] b = {3, 4}, float[1, 2] c = {5, 6}> { p = "
      "Gemm<transB = 1>(x, a) q = Gemm<transB = 1>(x, b) r = Gemm<transB = 1>(x, c) }",
      "g (float[1, 2] x) => (p, q, r) <float[3, 2] w = {1, 2, 3, 4, 5, 6}, int64[3] s = {1, 1, 1}> { m = Gemm<transB = "
      "1>(x, w) p, q, r = Split<axis = 1>(m, s) }");
}

// Cutting the large result apart moves more than reading x once saves.
TEST(MergeParallel, LeavesLargeResults) {
  expect_declines(
      kMergeParallel,
      "g (float[4096, 1] x) => (p, q) <float[1, 2] a = {1, 2}, float[1, 2] b = {3, 4}> { p = MatMul(x, a) q = "
      "MatMul(x, b) }");
}

// Results of convolutions lie in blocks of channels, which Split does not read: reading x once saves less than that costs.
TEST(MergeParallel, LeavesConvolutionsOfLargeResults) {
  const std::string w = "float[1, 8, 1, 1] ";
  expect_declines(kMergeParallel, "g (float[1, 8, 64, 64] x) => (p, q, r) <" + w + "a = {1, 2, 3, 4, 5, 6, 7, 8}, " +
                                      w + "b = {2, 3, 4, 5, 6, 7, 8, 9}, " + w +
                                      "c = {3, 4, 5, 6, 7, 8, 9, 1}> { p = Conv(x, a) q = Conv(x, b) r = Conv(x, c) }");
}

TEST(MergeParallel, LeavesOtherStrides) {
  expect_declines(
      kMergeParallel,
      "g (float[1, 1, 4] x) => (p, q) <float[1, 1, 1] a = {1}, float[1, 1, 1] b = {2}> { p = Conv(x, a) q = "
      "Conv<strides = [2]>(x, b) }");
}

TEST(MergeParallel, LeavesWeightsKnownAtRunTimeOnly) {
  expect_declines(
      kMergeParallel,
      "g (float[1, 2] x, float[2, 1] a, float[2, 1] b, float[2, 1] c) => (p, q, r) { p = MatMul(x, a) q = MatMul(x, b) "
      "r = MatMul(x, c) }");
}

}  // namespace
}  // namespace cycloid::testing
