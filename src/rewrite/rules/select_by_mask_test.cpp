#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(SelectByMask, Compress) {
  expect_becomes(kSelectByMask, "g (float[4, N] x) => (y) <bool[4] m = {0, 1, 1, 0}> { y = Compress<axis = 0>(x, m) }",
                 "Slice");
  expect_becomes(kSelectByMask, "g (float[4] x) => (y) <bool[3] m = {1, 0, 1}> { y = Compress(x, m) }", "Gather");
}

TEST(SelectByMask, BooleanIndexing) {
  expect_becomes(kSelectByMask, "g (float[4, N] x) => (y) <int64[2, 1] i = {1, 3}> { y = GatherND(x, i) }", "Gather");
}

TEST(SelectByMask, SumsAndExtrema) {
  expect_becomes(
      kSelectByMask,
      "g (float[4] x) => (y) <bool[4] m = {0, 1, 1, 0}, float z = {0}> { w = Where(m, x, z) y = ReduceSum<keepdims "
      "= 0>(w) }",
      "Slice ReduceSum");
  expect_becomes(
      kSelectByMask,
      "g (float[4] x) => (y) <bool[4] m = {0, 1, 1, 0}, float z = {-inf}> { w = Where(m, x, z) y = ReduceMax(w) }",
      "Slice ReduceMax");
}

TEST(SelectByMask, AProductForFiniteValues) {
  constexpr const char* kText =
      "g (float[4] x) => (y) <float[4] m = {0, 1, 1, 0}> { w = Mul(x, m) y = ReduceSum<keepdims = 0>(w) }";
  expect_declines(kSelectByMask, kText);
  expect_becomes(kSelectByMask, kText, "Slice ReduceSum", {.assume_finite = true});
}

TEST(SelectByMask, LeavesAMaskKnownAtRunTimeOnly) {
  expect_declines(kSelectByMask, "g (float[4, N] x, bool[4] m) => (y) { y = Compress<axis = 0>(x, m) }");
}

TEST(SelectByMask, LeavesAFillingThatCounts) {
  expect_declines(
      kSelectByMask,
      "g (float[4] x) => (y) <bool[4] m = {0, 1, 1, 0}, float z = {0}> { w = Where(m, x, z) y = ReduceMax(w) }");
  expect_declines(
      kSelectByMask,
      "g (float[4] x) => (y) <bool[4] m = {0, 1, 1, 0}, float z = {0}> { w = Where(m, x, z) y = ReduceMean(w) }");
}

TEST(SelectByMask, LeavesNothingChosen) {
  expect_declines(kSelectByMask, "g (float[4] x) => (y) <bool[4] m = {0, 0, 0, 0}> { y = Compress(x, m) }");
}

}  // namespace
}  // namespace cycloid::testing
