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

// The folded value is needed by the body alone, which must go on seeing it.
TEST(FoldConstants, KeepsWhatASubgraphNeeds) {
  expect_rewrites(
      kFoldConstants,
      "g (bool c, float[2] x) => (float[2] y) <float a = {2}> { b = Add(a, a) y = If(c) <then_branch = t "
      "() => (p) { p = "
      "Mul(x, b) }, else_branch = e () => (q) { q = Neg(x) }> }",
      "g (bool c, float[2] x) => (float[2] y) <float b_1 = {4}> { y = If(c) <then_branch = t () => (p) { p = "
      "Mul(x, b_1) }, "
      "else_branch = e () => (q) { q = Neg(x) }> }");
}

TEST(FoldConstants, ReadsConstantsOutsideASubgraph) {
  expect_rewrites(kFoldConstants,
                  "g (bool c, float[2] x) => (float[2] y) <float a = {2}> { y = If(c) <then_branch = t () => (p) { b = "
                  "Mul(a, a) p = "
                  "Mul(x, b) }, else_branch = e () => (q) { q = Neg(x) }> }",
                  "g (bool c, float[2] x) => (float[2] y) { y = If(c) <then_branch = t () => (p) <float b_1 = {4}> { p "
                  "= Mul(x, b_1) "
                  "}, else_branch = e () => (q) { q = Neg(x) }> }");
}

// A size is known although the tensor is not.
TEST(FoldConstants, FoldsSizesThatAreKnown) {
  expect_rewrites(kFoldConstants,
                  "g (float[N, 3] x, float[3] z) => (y) <int64 i = {1}> { r = Relu(x) s = Shape(r) n = Gather(s, i) f "
                  "= Cast<to = 1>(n) "
                  "y = Div(z, f) }",
                  "g (float[N, 3] x, float[3] z) => (y) <float f = {3}> { y = Div(z, f) }");
}

// A division that fails is left to fail where the model runs it.
TEST(FoldConstants, LeavesIntegerDivisionByZero) {
  expect_declines(kFoldConstants,
                  "g (int64[N] x) => (y) <int64 a = {1}, int64 b = {0}> { c = Div(a, b) y = Add(x, c) }");
}

// Runtimes multiply the quantised weights as they are.
TEST(FoldConstants, LeavesQuantizedWeights) {
  expect_declines(
      kFoldConstants,
      "g (float[N, 2] x) => (y) <int8[2, 2] w = {1, 2, 3, 4}, float s = {0.5}> { d = DequantizeLinear(w, s) y = "
      "MatMul(x, d) }");
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

// However large it is.
TEST(FoldConstants, FoldsWhatTakesThePlaceOfItsInputs) {
  const OptimizeOptions no_growth = {.fold_limit = 0};
  expect_becomes(kFoldConstants,
                 "g (float[N, 3] x) => (y) <float[2, 3] w = {1, 2, 3, 4, 5, 6}> { t = Transpose(w) y = MatMul(x, t) }",
                 "MatMul", no_growth);
}

TEST(FoldConstants, TheLimitIsOfWhatIsAdded) {
  constexpr const char* kText =
      "g (float[N, 300] x) => (y) <float[1, 300] w = {0}, int64[2] shape = {300, 300}> { t = Expand(w, shape) y = "
      "MatMul(x, t) }";
  std::string text = kText;
  std::string values = "1";
  for (int i = 1; i < 300; ++i) values += ", " + std::to_string(i % 7);
  text.replace(text.find("{0}"), 3, "{" + values + "}");
  expect_becomes(kFoldConstants, text, "Expand MatMul", {.fold_limit = 300 * 300 * 4 - 300 * 4 - 16 - 1});
  expect_becomes(kFoldConstants, text, "MatMul", {.fold_limit = 300 * 300 * 4 - 300 * 4 - 16});
}

}  // namespace
}  // namespace cycloid::testing
