#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(ComposeSlices, OverTwoAxes) {
  expect_rewrites(
      kComposeSlices,
      "g (float[N, 6, 6] x) => (y) <int64[1] s = {1}, int64[1] e = {-1}, int64[1] a = {1}, int64[1] b = {-1}> { t = "
      "Slice(x, s, e, a) y = Slice(t, s, e, b) }",
      "g (float[N, 6, 6] x) => (y) <int64[2] s = {1, 1}, int64[2] e = {-1, -1}, int64[2] a = {1, 2}> { y = Slice(x, s, "
      "e, a) }");
}

// 1, 3, 5, 7 of x, then the last three of them: 3, 5, 7.
TEST(ComposeSlices, APartOfAPart) {
  expect_rewrites(
      kComposeSlices,
      "g (float[9] x) => (y) <int64[1] s = {1}, int64[1] e = {8}, int64[1] a = {0}, int64[1] two = {2}, int64[1] f = "
      "{9223372036854775807}> { t = Slice(x, s, e, a, two) y = Slice(t, s, f, a) }",
      "g (float[9] x) => (y) <int64[1] s = {3}, int64[1] e = {8}, int64[1] a = {0}, int64[1] two = {2}> { y = "
      "Slice(x, s, e, a, two) }");
}

// Counted from the end of a part whose size is not known.
TEST(ComposeSlices, LeavesAnEndOfAPart) {
  expect_declines(
      kComposeSlices,
      "g (float[N] x) => (y) <int64[1] s = {1}, int64[1] e = {5}, int64[1] f = {-1}, int64[1] a = {0}> { t = Slice(x, "
      "s, e, a) y = Slice(t, s, f, a) }");
}

TEST(ComposeSlices, LeavesAReversal) {
  expect_declines(
      kComposeSlices,
      "g (float[9] x) => (y) <int64[1] s = {1}, int64[1] e = {8}, int64[1] a = {0}, int64[1] r = {-1}, int64[1] f = "
      "{-100}> { t = Slice(x, s, e, a) y = Slice(t, r, f, a, r) }");
}

TEST(ComposeSlices, LeavesAPartThatIsUsedElsewhere) {
  expect_declines(
      kComposeSlices,
      "g (float[N, 6] x) => (y, t) <int64[1] s = {1}, int64[1] e = {3}, int64[1] a = {0}, int64[1] b = {1}> { t = "
      "Slice(x, s, e, a) y = Slice(t, s, e, b) }");
}

}  // namespace
}  // namespace cycloid::testing
