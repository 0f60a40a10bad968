#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(MergeOverSplit, Fires) {
  expect_rewrites(kMergeOverSplit,
                  "g (float[N, 5] x) => (p, q) <int64[2] s = {2, 3}> { a, b = Split<axis = 1>(x, s) p = "
                  "LeakyRelu<alpha = 0.5>(a) q = "
                  "LeakyRelu<alpha = 0.5>(b) }",
                  "g (float[N, 5] x) => (p, q) <int64[2] s = {2, 3}> { f = LeakyRelu<alpha = 0.5>(x) p, q = Split<axis "
                  "= 1>(f, s) }");
}

TEST(MergeOverSplit, LeavesOtherSlopes) {
  expect_declines(
      kMergeOverSplit,
      "g (float[N, 4] x) => (p, q) { a, b = Split<axis = 1, num_outputs = 2>(x) p = LeakyRelu<alpha = 0.5>(a) q = "
      "LeakyRelu<alpha = 0.1>(b) }");
}

TEST(MergeOverSplit, LeavesAPartThatIsUsedElsewhere) {
  expect_declines(
      kMergeOverSplit,
      "g (float[N, 4] x) => (p, q, b) { a, b = Split<axis = 1, num_outputs = 2>(x) p = Relu(a) q = Relu(b) }");
}

TEST(MergeOverSplit, LeavesTwoInputs) {
  expect_declines(
      kMergeOverSplit,
      "g (float[N, 4] x) => (p, q) { a, b = Split<axis = 1, num_outputs = 2>(x) p = Add(a, b) q = Add(a, b) }");
}

}  // namespace
}  // namespace cycloid::testing
