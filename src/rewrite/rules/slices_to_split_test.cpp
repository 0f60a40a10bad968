#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(SlicesToSplit, AllPartsOfATensor) {
  expect_becomes(
      kSlicesToSplit,
      "g (float[N, 6] x) => (y) <int64[1] a = {0}, int64[1] b = {2}, int64[1] c = {9}, int64[1] last = {-1}, "
      "int64[1] d = {-1}> { p = Slice(x, a, b, last) q = Slice(x, b, d, last) r = Slice(x, d, c, last) y = "
      "Concat<axis = 1>(r, q, p) }",
      "Split Concat");
}

TEST(SlicesToSplit, LeavesGapsAndOverlaps) {
  expect_declines(
      kSlicesToSplit,
      "g (float[N, 6] x) => (y) <int64[1] a = {0}, int64[1] b = {2}, int64[1] c = {3}, int64[1] e = {6}, int64[1] "
      "last = {-1}> { p = Slice(x, a, b, last) q = Slice(x, c, e, last) y = Concat<axis = 1>(q, p) }");
  expect_declines(
      kSlicesToSplit,
      "g (float[N, 6] x) => (y) <int64[1] a = {0}, int64[1] b = {2}, int64[1] c = {3}, int64[1] e = {6}, int64[1] "
      "last = {-1}> { p = Slice(x, a, c, last) q = Slice(x, b, e, last) y = Concat<axis = 1>(q, p) }");
}

TEST(SlicesToSplit, LeavesAnUnknownSize) {
  expect_declines(
      kSlicesToSplit,
      "g (float[N] x) => (y) <int64[1] a = {0}, int64[1] b = {2}, int64[1] e = {9}> { p = Slice(x, a, b) q = "
      "Slice(x, b, e) y = Concat<axis = 0>(q, p) }");
}

// Segments whose ids are sorted constants are parts of known lengths.
TEST(SlicesToSplit, SegmentsOfKnownLengths) {
  const ModelIr model = parse_typed(
      "g (float[6] x) => (y) <int64[6] ids = {0, 0, 1, 2, 2, 2}, float z = {0}, int64 i0 = {0}, int64 i1 = {1}, int64 "
      "i2 = "
      "{2}, int64[1] o = {0}> { m0 = Equal(ids, i0) m1 = Equal(ids, i1) m2 = Equal(ids, i2) w0 = Where(m0, x, z) w1 = "
      "Where(m1, x, z) w2 = Where(m2, x, z) s0 = ReduceSum<keepdims = 1>(w0, o) s1 = ReduceSum<keepdims = 1>(w1, o) s2 "
      "= "
      "ReduceSum<keepdims = 1>(w2, o) y = Concat<axis = 0>(s0, s1, s2) }");
  const auto optimized = optimize(model, {.samples = {random_inputs(model, 1, 1)}, .verify_graph = true});
  ASSERT_TRUE(optimized.ok()) << optimized.error().message();
  EXPECT_EQ(operators(optimized->model), "Split ReduceSum ReduceSum ReduceSum Concat") << print(optimized->model);
  expect_same(model, optimized->model, random_inputs(model, 1, 2), false);
}

}  // namespace
}  // namespace cycloid::testing
