#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

// The first founding example, with both operands known at run time only: (a.T + b).T => a + b.T.
TEST(MoveTransposes, FoundingExample) {
  expect_rewrites(kMoveTransposes,
                  "g (float[2000, 50] a, float[50, 2000] b) => (y) { t = Transpose(a) s = Add(t, b) y = Transpose(s) }",
                  "g (float[2000, 50] a, float[50, 2000] b) => (y) { t = Transpose<perm = [1, 0]>(b) y = Add(a, t) }");
}

// Channels last and back, around everything a detector's head does. The bias is permuted; the slope stays a scalar.
TEST(MoveTransposes, ThroughAChain) {
  expect_rewrites(
      kMoveTransposes,
      "g (float[N, 4, 5, 6] x, float s) => (y) <float[4] b = {1, 2, 3, 4}> { t = Transpose<perm = [0, 2, 3, 1]>(x) a = "
      "Add(t, b) c = PRelu(a, s) d = Softmax(c) y = Transpose<perm = [0, 3, 1, 2]>(d) }",
      "g (float[N, 4, 5, 6] x, float s) => (y) <float[4, 1, 1] b = {1, 2, 3, 4}> { a = Add(x, b) c = PRelu(a, s) y = "
      "Softmax<axis = 1>(c) }");
}

// A mean over the transposed axes needs no transposing at all; the result with other axes is small.
TEST(MoveTransposes, ThroughReductions) {
  expect_rewrites(
      kMoveTransposes,
      "g (float[N, 4, 50, 60] x) => (y) <int64[2] axes = {1, 2}> { t = Transpose<perm = [0, 2, 3, 1]>(x) y = "
      "ReduceMean<keepdims = 0>(t, axes) }",
      "g (float[N, 4, 50, 60] x) => (y) <int64[2] axes = {2, 3}> { y = ReduceMean<keepdims = 0>(x, axes) }");
}

TEST(MoveTransposes, ThroughConcatSplitPadAndSlice) {
  expect_rewrites(kMoveTransposes,
                  "g (float[N, 4, 5] x, float[N, 4, 3] z) => (y, w) <int64[6] p = {0, 1, 0, 0, 0, 2}, int64[1] s = "
                  "{1}, int64[1] e = {5}, "
                  "int64[1] a = {-1}> { t = Transpose<perm = [0, 2, 1]>(x) u = Transpose<perm = [0, 2, 1]>(z) c = "
                  "Concat<axis = 1>(t, u) d = "
                  "Pad(c, p) f = Slice(d, s, e, a) g, h = Split<axis = 2, num_outputs = 2>(f) y = Transpose<perm = [0, "
                  "2, 1]>(g) w = "
                  "Transpose<perm = [0, 2, 1]>(h) }",
                  "g (float[N, 4, 5] x, float[N, 4, 3] z) => (y, w) <int64[1] s = {1}, int64[1] e = {5}, int64[6] p = "
                  "{0, 0, 1, 0, 2, 0}, int64[1] a = {1}> { "
                  "c = Concat<axis = 2>(x, z) d = Pad(c, p) f = Slice(d, s, e, a) y, w = "
                  "Split<axis = 1, num_outputs = "
                  "2>(f) }");
}

TEST(MoveTransposes, ThroughRankChanges) {
  expect_rewrites(
      kMoveTransposes,
      "g (float[N, 4, 5, 6] x) => (y) <int64 i = {2}, int64[1] u = {1}> { t = Transpose<perm = [0, 2, 3, 1]>(x) a = "
      "Gather<axis = 2>(t, i) b = Unsqueeze(a, u) c = Relu(b) y = Transpose<perm = [0, 1, 3, 2]>(c) }",
      "g (float[N, 4, 5, 6] x) => (y) <int64 i = {2}, int64[1] u = {1}> { a = Gather<axis = 3>(x, i) b = Unsqueeze(a, "
      "u) y = Relu(b) }");
}

TEST(MoveTransposes, ThroughAQuantizedPair) {
  expect_rewrites(
      kMoveTransposes,
      "g (float[N, 2, 5] x) => (y) <float[2] s = {0.5, 1}, uint8[2] z = {1, 2}> { t = Transpose<perm = [0, 2, 1]>(x) q "
      "= QuantizeLinear<axis = 2>(t, s, z) d = DequantizeLinear<axis = 2>(q, s, z) y = Transpose<perm = [0, 2, 1]>(d) "
      "}",
      "g (float[N, 2, 5] x) => (y) <float[2] s = {0.5, 1}, uint8[2] z = {1, 2}> { q = QuantizeLinear<axis = 1>(x, s, "
      "z) y = DequantizeLinear<axis = 1>(q, s, z) }");
}

// (x^T w)^T = w^T x, with w^T computed now.
TEST(MoveTransposes, ExchangesTheOperandsOfMatMul) {
  expect_rewrites(
      kMoveTransposes,
      "g (float[3, N] x) => (y) <float[3, 2] w = {1, 2, 3, 4, 5, 6}> { t = Transpose(x) m = MatMul(t, w) y = "
      "Transpose(m) }",
      "g (float[3, N] x) => (y) <float[2, 3] w = {1, 3, 5, 2, 4, 6}> { y = MatMul(w, x) }");
}

TEST(MoveTransposes, IntoGemm) {
  expect_rewrites(kMoveTransposes,
                  "g (float[4, N] x, float[4, 3] w) => (y) { t = Transpose(x) r = Relu(t) y = Gemm(r, w) }",
                  "g (float[4, N] x, float[4, 3] w) => (y) { r = Relu(x) y = Gemm<transA = 1>(r, w) }");
}

TEST(MoveTransposes, OutOfGemm) {
  expect_rewrites(kMoveTransposes,
                  "g (float[N, 4] x, float[4, 3] w) => (y) { m = Gemm(x, w) r = Relu(m) y = Transpose(r) }",
                  "g (float[N, 4] x, float[4, 3] w) => (y) { m = Gemm<transA = 1, transB = 1>(w, x) y = Relu(m) }");
}

TEST(MoveTransposes, IntoEinsum) {
  expect_rewrites(
      kMoveTransposes,
      "g (float[N, 4, 5] x, float[N, 5, 3] w) => (y) { t = Transpose<perm = [1, 2, 0]>(x) y = Einsum<equation = \"ijb, "
      "bjk -> bik\">(t, w) }",
      "g (float[N, 4, 5] x, float[N, 5, 3] w) => (y) { y = Einsum<equation = \"bij,bjk->bik\">(x, w) }");
}

// One of two users keeps the transposed value: nothing is saved by moving the other.
TEST(MoveTransposes, LeavesWhatIsNeededTransposed) {
  expect_declines(kMoveTransposes,
                  "g (float[N, 4, 50] x) => (y, z) { t = Transpose<perm = [0, 2, 1]>(x) y = Relu(t) z = Exp(y) }");
}

// Two run-time operands would have to be transposed instead of two values.
TEST(MoveTransposes, LeavesWhatWouldNotBeCheaper) {
  expect_declines(kMoveTransposes,
                  "g (float[A, B] a, float[B, A] b, float[B, A] c) => (y, z) { t = Transpose(a) s = Sum(t, b, c) y = "
                  "Transpose(s) z "
                  "= Relu(t) }");
}

// Normalised over the axes that the permutation moves.
TEST(MoveTransposes, LeavesALayerNormalizationOfMovedAxes) {
  expect_declines(
      kMoveTransposes,
      "g (float[N, 4, 5] x, float[4] s) => (y) { t = Transpose<perm = [0, 2, 1]>(x) l = LayerNormalization(t, s) y = "
      "Transpose<perm = [0, 2, 1]>(l) }");
}

// Scaled by half along two axes that change places: only a Resize of other axes would do the same.
TEST(MoveTransposes, MovesTheSizesOfAResize) {
  expect_rewrites(
      kMoveTransposes,
      "g (float[1, 2, 4, 8] x) => (y) <float[4] s = {1, 2, 0.5, 1}> { t = Transpose<perm = [0, 2, 3, 1]>(x) r = "
      "Resize<mode = \"nearest\">(t, \"\", s) y = Transpose<perm = [0, 3, 1, 2]>(r) }",
      "g (float[1, 2, 4, 8] x) => (y) <float[4] s = {1, 1, 2, 0.5}> { y = Resize<mode = \"nearest\">(x, \"\", s) }");
}

TEST(MoveTransposes, LeavesValuesThatASubgraphNeeds) {
  expect_declines(
      kMoveTransposes,
      "g (bool c, float[A, B] x) => (y, z) { t = Transpose(x) r = Relu(t) y = Neg(r) z = If(c) <then_branch = a () => "
      "(p) { p = Exp(r) }, else_branch = b () => (q) { q = Identity(t) }> }");
}

// The softmax is used with two axes and, by broadcasting, with three: its first axis is the product's second.
TEST(MoveTransposes, GivesABroadcastOperandItsAxesBeforeMovingThem) {
  const ModelIr model = parse_typed(
      "g (float[3, 3] x) => (y) <int64[1] k = {2}, int64[1] a = {-1}> { s = Transpose(x) t = Add(s, x) u = "
      "Transpose(t) v = Unsqueeze(x, k) w = Transpose(u) l = LogSoftmax<axis = 0>(w) m = Mul(l, v) r = "
      "ReduceMax<keepdims = 0>(m, a) y = Transpose(r) }");
  const auto inputs = random_inputs(model, 3, 1);
  const Optimized optimized = *optimize(model, {.only = {std::string(kMoveTransposes.name)}});  // unverified
  EXPECT_TRUE(compare((*evaluate(model, inputs))[0], (*evaluate(optimized.model, inputs))[0], false).same);
}

// The row that Gather takes has one axis and so one form, but must be a column of the permuted sum.
TEST(MoveTransposes, GivesALowerRankOfTheRegionItsAxes) {
  expect_becomes(kMoveTransposes,
                 "g (float[4, 4] a, float[4, 4] b) => (y) <int64 i = {0}> { m = MatMul(a, b) u = Gather(m, i) s = "
                 "Transpose(m) t = Add(s, u) y = Transpose(t) }",
                 "MatMul Gather Unsqueeze Transpose Add");
}

}  // namespace
}  // namespace cycloid::testing
