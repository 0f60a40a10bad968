#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(FoldConstants, Fires) {
  expect_rewrites(kFoldConstants,
                  "g (float[N] x) => (y) <float a = {2}, float b = {3}> { c = Mul(a, b) y = Add(x, c) }",
                  "g (float[N] x) => (y) <float c = {6}> { y = Add(x, c) }");
}

TEST(FoldConstants, FoldsInsideSubgraphs) {
  expect_rewrites(kFoldConstants,
                  "g (bool c, float[2] x) => (float[2] y) { y = If(c) <then_branch = t () => (p) <float a = {2}> { b = "
                  "Mul(a, a) p = Mul(x, b) }, "
                  "else_branch = e () => (q) { q = Neg(x) }> }",
                  "g (bool c, float[2] x) => (float[2] y) { y = If(c) <then_branch = t () => (p) <float b_1 = {4}> { p "
                  "= Mul(x, b_1) }, else_branch = e () => "
                  "(q) { q = Neg(x) }> }");
}

TEST(FoldConstants, LeavesRandomness) {
  expect_declines(kFoldConstants,
                  "g (float[2] x) => (y) { r = RandomNormal<shape = [2]>() z = Sub(r, r) y = Mul(x, z) }");
}

// Folding would put 64 MB into the file.
TEST(FoldConstants, LeavesWhatWouldGrowTheFile) {
  expect_declines(kFoldConstants,
                  "g (float[1] x) => (y) <float one = {1}, int64[2] shape = {4096, 4096}> { b = Expand(one, shape) y = "
                  "Mul(b, x) }");
}

}  // namespace
}  // namespace cycloid::testing
