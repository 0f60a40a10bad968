#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(ComposeConcats, Fires) {
  expect_rewrites(
      kComposeConcats,
      "g (float[N, 2] a, float[N, 3] b) => (y) { t = Concat<axis = 1>(a, b) y = Concat<axis = -1>(b, t, a) }",
      "g (float[N, 2] a, float[N, 3] b) => (y) { y = Concat<axis = 1>(b, a, b, a) }");
}

TEST(ComposeConcats, PutsASplitBackTogether) {
  expect_rewrites(
      kComposeConcats,
      "g (float[N, 6] x) => (y) { a, b, c = Split<axis = 1, num_outputs = 3>(x) t = Concat<axis = 1>(a, b, c) y = "
      "Relu(t) }",
      "g (float[N, 6] x) => (y) { y = Relu(x) }");
}

TEST(ComposeConcats, LeavesPartsInAnotherOrder) {
  expect_declines(
      kComposeConcats,
      "g (float[N, 6] x) => (y) { a, b = Split<axis = 1, num_outputs = 2>(x) t = Concat<axis = 1>(b, a) y = Relu(t) }");
}

TEST(ComposeConcats, LeavesAnotherAxis) {
  expect_declines(kComposeConcats,
                  "g (float[2, 2] a, float[2, 2] b, float[4, 2] c) => (y) { t = Concat<axis = 0>(a, b) y = Concat<axis "
                  "= 1>(t, c) }");
}

TEST(ComposeConcats, LeavesOneThatIsUsedElsewhere) {
  expect_declines(
      kComposeConcats,
      "g (float[N, 2] a, float[N, 3] b) => (y, t) { t = Concat<axis = 1>(a, b) y = Concat<axis = 1>(t, a) }");
}

}  // namespace
}  // namespace cycloid::testing
