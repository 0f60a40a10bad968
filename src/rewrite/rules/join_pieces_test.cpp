#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(JoinPieces, TakesAllOfIt) {
  expect_becomes(kJoinPieces,
                 "g (float[3, 4] x) => (y) <int64[1] zero = {0}, int64[1] one = {1}, int64[1] three = {3}, int64 i = "
                 "{0}> { a = Gather(x, i) b = "
                 "Unsqueeze(a, zero) c = Slice(x, one, three) d = Concat<axis = 0>(b, c) y = Relu(d) }",
                 "Relu");
}

TEST(JoinPieces, TakesAPart) {
  expect_becomes(kJoinPieces,
                 "g (float[4, N] x) => (y) <int64[1] one = {1}, int64[1] two = {2}> { a = Gather(x, one) b = Gather(x, "
                 "two) y = Concat<axis = 0>(a, b) }",
                 "Slice");
}

TEST(JoinPieces, LeavesAnotherOrder) {
  expect_declines(kJoinPieces,
                  "g (float[4, N] x) => (y) <int64[1] one = {1}, int64[1] two = {2}> { a = Gather(x, two) b = "
                  "Gather(x, one) y = Concat<axis = 0>(a, b) }");
}

TEST(JoinPieces, LeavesAnotherAxis) {
  expect_declines(kJoinPieces,
                  "g (float[4, N] x) => (y) <int64[1] one = {1}, int64[1] two = {2}> { a = Gather(x, one) b = "
                  "Gather(x, two) y = Concat<axis = 1>(a, b) }");
}

// A slice beyond the end is shorter than it says.
TEST(JoinPieces, LeavesASliceThatMayBeCutOff) {
  expect_declines(kJoinPieces,
                  "g (float[N] x) => (y) <int64[1] zero = {0}, int64[1] two = {2}, int64[1] nine = {9}> { a = Slice(x, "
                  "zero, two) b = Slice(x, two, nine) y = Concat<axis = 0>(a, b) }");
}

}  // namespace
}  // namespace cycloid::testing
