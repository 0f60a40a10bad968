#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(ReadFromConcat, Gathers) {
  expect_rewrites(
      kReadFromConcat,
      "g (float[1, N] a, float[2, N] b) => (y) <int64 i = {-1}> { c = Concat<axis = 0>(a, b) y = Gather(c, i) }",
      "g (float[1, N] a, float[2, N] b) => (y) <int64 i = {1}> { y = Gather(b, i) }");
}

TEST(ReadFromConcat, SlicesAPart) {
  expect_rewrites(
      kReadFromConcat,
      "g (float[N, 2] a, float[N, 4] b) => (y) <int64[1] s = {3}, int64[1] e = {-1}, int64[1] x = {1}> { c = "
      "Concat<axis = 1>(a, b) y = Slice(c, s, e, x) }",
      "g (float[N, 2] a, float[N, 4] b) => (y) <int64[1] x = {1}, int64[1] s = {1}, int64[1] e = {3}> { y = Slice(b, "
      "s, e, x) }");
}

TEST(ReadFromConcat, TakesAWholePart) {
  expect_rewrites(
      kReadFromConcat,
      "g (float[N, 2] a, float[N, 4] b) => (y) <int64[1] s = {2}, int64[1] e = {99}, int64[1] x = {1}> { c = "
      "Concat<axis = 1>(a, b) d = Slice(c, s, e, x) y = Relu(d) }",
      "g (float[N, 2] a, float[N, 4] b) => (y) { y = Relu(b) }");
}

TEST(ReadFromConcat, LeavesWhatComesFromTwoParts) {
  expect_declines(
      kReadFromConcat,
      "g (float[N, 2] a, float[N, 4] b) => (y) <int64[2] i = {1, 2}> { c = Concat<axis = 1>(a, b) y = Gather<axis = "
      "1>(c, i) }");
}

TEST(ReadFromConcat, LeavesPartsOfUnknownSize) {
  expect_declines(
      kReadFromConcat,
      "g (float[N, 2] a, float[M, 2] b) => (y) <int64 i = {0}> { c = Concat<axis = 0>(a, b) y = Gather(c, i) }");
}

TEST(ReadFromConcat, LeavesAnotherAxis) {
  expect_declines(
      kReadFromConcat,
      "g (float[2, 2] a, float[2, 4] b) => (y) <int64 i = {0}> { c = Concat<axis = 1>(a, b) y = Gather(c, i) }");
}

}  // namespace
}  // namespace cycloid::testing
