#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(GatherToSlice, AffineIndices) {
  expect_becomes(kGatherToSlice, "g (float[N, 7] x) => (y) <int64[3] i = {1, 3, 5}> { y = Gather<axis = 1>(x, i) }",
                 "Slice");
  expect_becomes(kGatherToSlice, "g (float[N, 4] x) => (y) <int64[4] i = {3, 2, 1, 0}> { y = Gather<axis = 1>(x, i) }",
                 "Slice");
  expect_becomes(kGatherToSlice, "g (float[N, 4] x) => (y) <int32[2] i = {-2, -1}> { y = Gather<axis = -1>(x, i) }",
                 "Slice");
}

TEST(GatherToSlice, LeavesOthers) {
  expect_declines(kGatherToSlice, "g (float[5] x) => (y) <int64[3] i = {0, 1, 3}> { y = Gather(x, i) }");
  expect_declines(kGatherToSlice, "g (float[5] x) => (y) <int64[3] i = {1, 1, 1}> { y = Gather(x, i) }");
  expect_declines(kGatherToSlice, "g (float[N] x) => (y) <int64[2] i = {0, 1}> { y = Gather(x, i) }");
  expect_declines(kGatherToSlice, "g (float[5] x) => (y) <int64[2, 1] i = {0, 1}> { y = Gather(x, i) }");
}

}  // namespace
}  // namespace cycloid::testing
