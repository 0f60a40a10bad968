#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(DropBroadcast, BeforeElementwise) {
  expect_becomes(kDropBroadcast,
                 "g (float[N, 1] x, float[N, 3] z) => (y) { s = Shape(z) e = Expand(x, s) y = Add(e, z) }", "Add");
  expect_becomes(
      kDropBroadcast,
      "g (bool[1] m, float[N, 3] z, float[N, 3] w) => (y) { s = Shape(z) e = Expand(m, s) y = Where(e, z, w) }",
      "Where");
}

TEST(DropBroadcast, BeforeMatMul) {
  expect_becomes(kDropBroadcast,
                 "g (float[1, 4, 4] w, float[B, 4, 4] x) => (y) <int64[1] one = {1}> { b = Shape<end = 1>(x) s = "
                 "Concat<axis = 0>(b, one, one) e = Expand(w, s) y = MatMul(e, x) }",
                 "MatMul");
}

TEST(DropBroadcast, BeforeAnotherExpand) {
  expect_becomes(kDropBroadcast,
                 "g (float[1, 1, 4] x) => (y) <int64[3] s = {1, 3, 4}, int64[3] t = {5, 1, 1}> { a = Expand(x, s) y = "
                 "Expand(a, t) }",
                 "Expand");
  expect_becomes(kDropBroadcast,
                 "g (float[1, 4] x, float[N, 4] z) => (y) <int64[2] one = {3, 1}, int64[1] two = {2}> { s = Shape(z) t "
                 "= Concat<axis = 0>(two, s) a = Expand(x, s) y = Expand(a, t) }",
                 "Shape Concat Expand");
  // The sizes of the inner one are not in the outer one's.
  expect_declines(
      kDropBroadcast,
      "g (float[1, 4] x, float[N, 4] z) => (y) <int64[3] t = {2, 1, 1}> { s = Shape(z) a = Expand(x, s) y = "
      "Expand(a, t) }");
}

TEST(DropBroadcast, LeavesWhatMakesTheResultLarger) {
  expect_declines(kDropBroadcast,
                  "g (float[N, 1] x, float[N, 1] z) => (y) <int64[2] s = {1, 3}> { e = Expand(x, s) y = Add(e, z) }");
  expect_declines(
      kDropBroadcast,
      "g (float[4, 1] w, float[4, 4] x) => (y) <int64[2] s = {4, 4}> { e = Expand(w, s) y = MatMul(e, x) }");
  expect_declines(kDropBroadcast,
                  "g (float[1, 3] x, float[N, 3] z, int64[2] s) => (y) { e = Expand(x, s) y = Add(e, z) }");
}

}  // namespace
}  // namespace cycloid::testing
