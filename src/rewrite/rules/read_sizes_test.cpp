#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(ReadSizes, OneSize) {
  expect_rewrites(
      kReadSizes,
      "g (float[N, M] x, float[1] z) => (y) <int64 i = {1}, int64[1] a = {0}> { s = Shape(x) g = Gather(s, i) u = "
      "Unsqueeze(g, a) y = Expand(z, u) }",
      "g (float[N, M] x, float[1] z) => (y) { s = Shape<start = 1>(x) y = Expand(z, s) }");
}

TEST(ReadSizes, ManySizesAtOnce) {
  expect_rewrites(
      kReadSizes,
      "g (float[N, M, K] x, float[1] z) => (y) <int64[1] i = {0}, int64[1] j = {1}, int64[1] two = {2}> { s = Shape(x) "
      "a = Gather(s, i) b = Gather(s, j) c = Concat<axis = 0>(two, a, b) y = Expand(z, c) }",
      "g (float[N, M, K] x, float[1] z) => (y) <int64[1] two = {2}> { s = Shape<end = 2>(x) c = Concat<axis = 0>(two, "
      "s) y = Expand(z, c) }");
}

// The size is read where it comes from, so that what lies between need not be waited for.
TEST(ReadSizes, OfAnInput) {
  expect_rewrites(kReadSizes,
                  "g (float[N, M] x, float[1] z) => (y) { r = Relu(x) t = Transpose(r) s = Shape<start = 1>(t) y = "
                  "Expand(z, s) }",
                  "g (float[N, M] x, float[1] z) => (y) { s = Shape<end = 1>(x) y = Expand(z, s) }");
}

TEST(ReadSizes, LeavesSizesInAnotherOrder) {
  expect_declines(kReadSizes,
                  "g (float[N, M] x, float[1] z) => (y) <int64[2] i = {1, 0}> { s = Shape(x) p = Gather(s, i) y = "
                  "Expand(z, p) }");
}

TEST(ReadSizes, LeavesArithmetic) {
  expect_declines(kReadSizes, "g (float[N, M] x, float[1] z) => (y) { s = Shape(x) p = Add(s, s) y = Expand(z, p) }");
}

TEST(ReadSizes, LeavesSizesOfData) {
  expect_declines(kReadSizes,
                  "g (int64[2] s, float[1] z) => (y) <int64[1] i = {0}> { p = Gather(s, i) y = Expand(z, p) }");
}

}  // namespace
}  // namespace cycloid::testing
