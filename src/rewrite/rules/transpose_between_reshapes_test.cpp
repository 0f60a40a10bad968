#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(TransposeBetweenReshapes, MovesAxesThatStayTogether) {
  expect_becomes(
      kTransposeBetweenReshapes,
      "g (float[B, 2, S, 8] k) => (y) <int64[1] i0 = {0}, int64[1] i2 = {2}, int64[1] i3 = {3}, int64[1] m = "
      "{-1}, int64[1] e = {8}> { n = Shape(k) a = Slice(n, i2, i3) b = Concat<axis = 0>(m, a, e) r = Reshape(k, "
      "b) t = Transpose<perm = [0, 2, 1]>(r) f = Slice(n, i0, i2) h = Concat<axis = 0>(f, e, a) y = Reshape(t, "
      "h) }",
      "Transpose");
}

TEST(TransposeBetweenReshapes, KnownSizes) {
  expect_becomes(
      kTransposeBetweenReshapes,
      "g (float[2, 3, 4, 5] x) => (y) <int64[2] s = {6, 20}, int64[4] u = {4, 5, 2, 3}> { r = Reshape(x, s) t = "
      "Transpose(r) y = Reshape(t, u) }",
      "Transpose");
}

TEST(TransposeBetweenReshapes, LeavesAxesThatAreCutOtherwise) {
  expect_declines(
      kTransposeBetweenReshapes,
      "g (float[2, 3, 4, 5] x) => (y) <int64[2] s = {6, 20}, int64[4] u = {4, 5, 3, 2}> { r = Reshape(x, s) t = "
      "Transpose(r) y = Reshape(t, u) }");
  expect_declines(
      kTransposeBetweenReshapes,
      "g (float[2, 3, 4, 5] x) => (y) <int64[2] s = {12, 10}, int64[4] u = {5, 2, 4, 3}> { r = Reshape(x, s) t "
      "= Transpose(r) y = Reshape(t, u) }");
}

}  // namespace
}  // namespace cycloid::testing
