#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

constexpr const char* kInputs = "float[B, 2, S, 8] q, float[B, 2, K, 8] k, float[B, 2, K, 6] v";

// A graph over q, k and v (and `more`) with these constants and nodes, of which the last makes y.
std::string graph(const std::string& nodes, const std::string& constants, const std::string& more = "",
                  const std::string& inputs = kInputs) {
  return "g (" + inputs + more + ") => (y) <" + constants + "> { " + nodes + " }";
}

constexpr const char* kScale = "float c = {0.35355338}";

TEST(RaiseAttention, WithItsScaleAnywhere) {
  constexpr const char* kEnd = " p = Softmax<axis = -1>(m) y = MatMul(p, v)";
  expect_becomes(
      kRaiseAttention,
      graph(std::string("t = Transpose<perm = [0, 1, 3, 2]>(k) s = MatMul(q, t) m = Mul(s, c)") + kEnd, kScale),
      "Attention");
  expect_becomes(kRaiseAttention,
                 graph(std::string("t = Transpose<perm = [0, 1, 3, 2]>(k) s = MatMul(q, t) m = Div(s, c)") + kEnd,
                       "float c = {2.828427}"),
                 "Attention");
  expect_becomes(
      kRaiseAttention,
      graph(std::string("a = Mul(q, c) t = Transpose<perm = [0, 1, 3, 2]>(k) b = Mul(t, c) m = MatMul(a, b)") + kEnd,
            "float c = {0.5946}"),
      "Attention");
  expect_becomes(
      kRaiseAttention,
      graph(std::string("b = Mul(c, k) t = Transpose<perm = [0, 1, 3, 2]>(b) m = MatMul(q, t)") + kEnd, kScale),
      "Attention");
  expect_becomes(kRaiseAttention,
                 graph(std::string("t = Transpose<perm = [0, 1, 3, 2]>(k) m = MatMul(q, t)") + kEnd, "float c = {1}"),
                 "Attention");
}

TEST(RaiseAttention, KeysWhoseLengthIsNotInFrontYet) {
  expect_becomes(
      kRaiseAttention,
      graph("t = Transpose<perm = [0, 2, 3, 1]>(k) s = MatMul(q, t) m = Mul(s, c) p = Softmax<axis = 3>(m) y "
            "= MatMul(p, v)",
            kScale, "", "float[B, 2, S, 8] q, float[B, K, 2, 8] k, float[B, 2, K, 6] v"),
      "Transpose Attention");
}

constexpr const char* kMasked =
    "t = Transpose<perm = [0, 1, 3, 2]>(k) s = MatMul(q, t) d = Mul(s, c) m = Add(d, mask) p = Softmax<axis = -1>(m) y "
    "= "
    "MatMul(p, v)";

TEST(RaiseAttention, WithABoundedMask) {
  expect_becomes(kRaiseAttention,
                 graph(std::string("mask = Where(keep, zero, low) ") + kMasked,
                       std::string(kScale) + ", float zero = {0}, float low = {-3.4028235e38}", ", bool[S, K] keep"),
                 "Where Attention");
}

// BERT's: (1 - mask) * -10000, one row for all queries.
TEST(RaiseAttention, WithAMaskOfKeys) {
  expect_becomes(
      kRaiseAttention,
      graph(std::string("f = Cast<to = 1>(keep) g = Sub(one, f) h = Mul(g, low) mask = Unsqueeze(h, axes) ") + kMasked,
            std::string(kScale) + ", float one = {1}, float low = {-10000}, int64[2] axes = {1, 2}",
            ", int64[B, K] keep"),
      "Cast Sub Mul Unsqueeze Shape Concat Expand Attention");
}

TEST(RaiseAttention, CausalMasksOfFiniteValues) {
  const std::string inputs = "float[B, 2, S, 8] q, float[B, 2, S, 8] k, float[B, 2, S, 6] v";
  const std::string triangle =
      "n = Shape<start = 2, end = 3>(q) sizes = Concat<axis = 0>(n, n) o = Expand(one, sizes) r = Trilu<upper = 0>(o) ";
  const std::string constants = std::string(kScale) + ", float one = {1}, float zero = {0}, float low = {-inf}";
  const std::string text =
      graph(triangle + "e = Equal(r, zero) mask = Where(e, low, zero) " + kMasked, constants, "", inputs);
  // It would spread the NaN of a key that it hides, where it is added.
  expect_declines(kRaiseAttention, text);
  const Optimized optimized = expect_becomes(kRaiseAttention, text, "Attention", {.assume_finite = true});
  const Graph& graph_after = optimized.model.graph;
  ASSERT_FALSE(graph_after.nodes().empty());
  EXPECT_EQ(get_int(graph_after.node(graph_after.nodes()[0]), "is_causal", 0).value(), 1);
  expect_becomes(
      kRaiseAttention,
      graph(std::string(kMasked), std::string(kScale) + ", float[3, 3] mask = {0, -inf, -3e38, 0, 0, -inf, 0, 0, 0}",
            "", "float[B, 2, 3, 8] q, float[B, 2, 3, 8] k, float[B, 2, 3, 6] v"),
      "Attention", {.assume_finite = true});
}

TEST(RaiseAttention, AConstantMaskThatLeavesSomethingInEachRow) {
  expect_becomes(kRaiseAttention,
                 graph(std::string(kMasked), std::string(kScale) + ", float[2, 3] mask = {0, -inf, 1, -inf, 0.5, 0}",
                       "", "float[B, 2, 2, 8] q, float[B, 2, 3, 8] k, float[B, 2, 3, 6] v"),
                 "Attention");
  expect_declines(kRaiseAttention, graph(std::string(kMasked),
                                         std::string(kScale) + ", float[2, 3] mask = {0, -inf, 1, -inf, -inf, -inf}",
                                         "", "float[B, 2, 2, 8] q, float[B, 2, 3, 8] k, float[B, 2, 3, 6] v"));
}

// A row that it hides is NaN.
TEST(RaiseAttention, LeavesAMaskThatMayHideARow) {
  const std::string text = graph(kMasked, kScale, ", float[B, 1, S, K] mask");
  expect_declines(kRaiseAttention, text);
  expect_becomes(kRaiseAttention, text, "Attention", {.assume_finite = true});
}

// As torch.onnx.export writes a mask of bools.
TEST(RaiseAttention, ZerosInsteadOfNaNForFiniteValues) {
  const std::string text = graph(
      "mask = Where(keep, zero, low) t = Transpose<perm = [0, 1, 3, 2]>(k) s = MatMul(q, t) d = Mul(s, c) m = Add(d, "
      "mask) p = Softmax<axis = -1>(m) n = IsNaN(p) w = Where(n, zero, p) y = MatMul(w, v)",
      std::string(kScale) + ", float zero = {0}, float low = {-inf}", ", bool[B, 1, S, K] keep");
  expect_declines(kRaiseAttention, text);
  expect_becomes(kRaiseAttention, text, "Where Attention", {.assume_finite = true});
}

TEST(RaiseAttention, LeavesAnotherAxis) {
  expect_declines(
      kRaiseAttention,
      graph("t = Transpose<perm = [0, 1, 3, 2]>(k) s = MatMul(q, t) m = Mul(s, c) p = Softmax<axis = 2>(m) y = "
            "MatMul(p, v)",
            kScale));
}

TEST(RaiseAttention, LeavesScoresThatAreUsed) {
  expect_declines(
      kRaiseAttention,
      "g (float[B, 2, S, 8] q, float[B, 2, K, 8] k, float[B, 2, K, 6] v) => (y, p) { t = Transpose<perm = [0, "
      "1, 3, 2]>(k) s = MatMul(q, t) p = Softmax<axis = -1>(s) y = MatMul(p, v) }");
}

TEST(RaiseAttention, LeavesHeadsThatAreBroadcast) {
  expect_declines(
      kRaiseAttention,
      graph("t = Transpose<perm = [0, 1, 3, 2]>(k) s = MatMul(q, t) p = Softmax<axis = -1>(s) y = MatMul(p, "
            "v)",
            kScale, "", "float[B, 2, S, 8] q, float[B, 1, K, 8] k, float[B, 2, K, 6] v"));
}

TEST(RaiseAttention, LeavesScoresThatAMaskMakesMore) {
  expect_declines(kRaiseAttention,
                  graph(std::string("mask = Where(keep, zero, low) ") + kMasked,
                        std::string(kScale) + ", float zero = {0}, float low = {-1}", ", bool[3, 2, S, K] keep",
                        "float[1, 2, S, 8] q, float[1, 2, K, 8] k, float[1, 2, K, 6] v"));
}

constexpr const char* kHeads =
    "a = Transpose<perm = [0, 2, 1, 3]>(q) b = Transpose<perm = [0, 2, 1, 3]>(k) d = Transpose<perm = [0, 2, 1, "
    "3]>(v) ";

TEST(AttentionByRows, TakesHeadsSideBySide) {
  expect_becomes(
      kAttentionByRows,
      graph(std::string(kHeads) + "t = Attention<scale = 0.5>(a, b, d) y = Transpose<perm = [0, 2, 1, 3]>(t)", kScale,
            "", "float[B, S, 2, 8] q, float[B, K, 2, 8] k, float[B, K, 2, 6] v"),
      "Reshape Reshape Reshape Attention Reshape");
}

TEST(AttentionByRows, ThroughRotaryEmbeddings) {
  expect_becomes(
      kAttentionByRows,
      graph(std::string(kHeads) +
                "e = RotaryEmbedding(a, cosines, sines) f = RotaryEmbedding(b, cosines, sines) t = Attention(e, "
                "f, d) y = Transpose<perm = [0, 2, 1, 3]>(t)",
            kScale, ", float[B, S, 4] cosines, float[B, S, 4] sines",
            "float[B, S, 2, 8] q, float[B, S, 2, 8] k, float[B, S, 2, 6] v"),
      "Reshape RotaryEmbedding Reshape RotaryEmbedding Reshape Attention Reshape");
}

TEST(AttentionByRows, LeavesKeysThatAreNoTranspose) {
  expect_declines(
      kAttentionByRows,
      "g (float[B, S, 2, 8] q, float[B, 2, K, 8] k, float[B, K, 2, 6] v) => (y) { a = Transpose<perm = [0, 2, "
      "1, 3]>(q) d = Transpose<perm = [0, 2, 1, 3]>(v) t = Attention(a, k, d) y = Transpose<perm = [0, 2, 1, "
      "3]>(t) }");
}

TEST(AttentionByRows, LeavesAResultThatIsUsedByHeads) {
  expect_declines(
      kAttentionByRows,
      "g (float[B, S, 2, 8] q, float[B, K, 2, 8] k, float[B, K, 2, 6] v) => (y, t) { a = Transpose<perm = [0, "
      "2, 1, 3]>(q) b = Transpose<perm = [0, 2, 1, 3]>(k) d = Transpose<perm = [0, 2, 1, 3]>(v) t = "
      "Attention(a, b, d) y = Transpose<perm = [0, 2, 1, 3]>(t) }");
}

}  // namespace
}  // namespace cycloid::testing
