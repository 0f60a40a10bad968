#include <limits>

#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

// n unrolled additions of a[i][i].
std::string unrolled(int n, const std::string& type, const std::string& op = "Add") {
  std::string constants;
  std::string nodes;
  std::string sum;
  for (int i = 0; i < n; ++i) {
    const std::string k = std::to_string(i);
    constants += (i == 0 ? "int64 k" : ", int64 k") + k + " = {" + k + "}";
    nodes += "r" + k + " = Gather(a, k" + k + ") e" + k + " = Gather(r" + k + ", k" + k + ") ";
    if (i > 0) nodes += "s" + k + " = " + op + "(" + (i == 1 ? "e0" : "s" + std::to_string(i - 1)) + ", e" + k + ") ";
  }
  return "g (" + type + " a) => (y) <" + constants + "> { " + nodes + "y = Identity(s" + std::to_string(n - 1) + ") }";
}

TEST(SumOfPicks, UnrolledTrace) {
  expect_becomes(kSumOfPicks, unrolled(4, "float[4, 4]"), "Reshape Slice ReduceSum Identity");
}

TEST(SumOfPicks, OfARectangle) {
  expect_becomes(kSumOfPicks, unrolled(4, "float[4, 7]"), "Reshape Slice ReduceSum Identity");
}

TEST(SumOfPicks, MaximaAndProducts) {
  expect_becomes(kSumOfPicks, unrolled(4, "int64[4, 4]", "Max"), "Reshape Slice ReduceMax Identity");
  expect_becomes(kSumOfPicks, unrolled(4, "float[4, 4]", "Mul"), "Reshape Slice ReduceProd Identity");
}

TEST(SumOfPicks, ThroughSliceAndSplitWithSomethingElse) {
  expect_becomes(kSumOfPicks,
                 "g (float[4] x, float[1] b) => (y) <int64[1] one = {1}, int64[1] two = {2}> { p, q, r, s = "
                 "Split<num_outputs = 4>(x) m = Slice(x, "
                 "one, two) t = Add(p, m) u = Add(s, q) v = Add(t, b) y = Add(v, u) }",
                 "Reshape Gather ReduceSum Add");
}

// ReduceMax of other runtimes may lose a NaN that Max keeps.
TEST(SumOfPicks, LeavesAMaximumOfFloats) { expect_declines(kSumOfPicks, unrolled(4, "float[4, 4]", "Max")); }

TEST(SumOfPicks, LeavesASumThatIsUsedOnTheWay) {
  expect_declines(kSumOfPicks,
                  "g (float[4] x) => (y, z) <int64 i = {0}, int64 j = {1}, int64 k = {2}> { a = Gather(x, i) b = "
                  "Gather(x, j) c = Gather(x, k) z = "
                  "Add(a, b) y = Add(z, c) }");
}

TEST(SumOfPicks, LeavesAnUnknownSize) { expect_declines(kSumOfPicks, unrolled(4, "float[N, N]")); }

TEST(SumOfPicks, LeavesTwoTensors) {
  expect_declines(kSumOfPicks,
                  "g (float[4] x, float[4] z) => (y) <int64 i = {0}, int64 j = {1}, int64 k = {2}> { a = Gather(x, i) "
                  "b = Gather(z, j) c = Gather(x, k) "
                  "d = Gather(x, j) s = Add(a, b) t = Add(s, c) y = Add(t, d) }");
}

TEST(MaskDiagonal, WhereWithEyeLike) {
  expect_becomes(kMaskDiagonal,
                 "g (float[N, N] a) => (y) <float zero = {0}> { e = EyeLike<dtype = 9>(a) w = Where(e, a, zero) y = "
                 "ReduceSum<keepdims = 0>(w) }",
                 "Reshape Shape Add Slice ReduceSum");
}

TEST(MaskDiagonal, OfRectangles) {
  for (const char* type : {"float[3, 5]", "float[5, 3]"}) {
    expect_becomes(
        kMaskDiagonal,
        std::string("g (") + type +
            " a) => (y) <float zero = {0}> { e = EyeLike<dtype = 9>(a) w = Where(e, a, zero) y = ReduceSum(w) }",
        "Reshape Slice ReduceSum Unsqueeze");
  }
  for (const std::int64_t rows : {2, 6}) {
    const std::string text =
        "g (float[M, N] a) => (y) <float zero = {0}> { e = EyeLike<dtype = 9>(a) w = Where(e, a, zero) y = "
        "ReduceSum(w) }";
    const ModelIr model = parse_typed(text);
    const Optimized optimized = apply_alone(kMaskDiagonal, model, 2);
    EXPECT_EQ(optimized.ledger.applications.size(), 1U);
    Tensor a = Tensor::zeros(DType::kFloat32, {rows, 4}).value();
    for (std::size_t i = 0; i < a.mutable_data<float>().size(); ++i)
      a.mutable_data<float>()[i] = static_cast<float>(i * i);
    expect_same(model, optimized.model, {a}, true);
  }
}

TEST(MaskDiagonal, OneAxis) {
  expect_becomes(kMaskDiagonal,
                 "g (float[3, 3] a) => (y) <bool[3, 3] e = {1, 0, 0, 0, 1, 0, 0, 0, 1}, float zero = {0}, int64[1] "
                 "axis = {-1}> { w = Where(e, a, zero) y "
                 "= ReduceSum(w, axis) }",
                 "Reshape Slice Unsqueeze");
}

TEST(MaskDiagonal, GathersPairs) {
  std::string pairs;
  for (int i = 0; i < 16; ++i) pairs += (i == 0 ? "" : ", ") + std::to_string(i) + ", " + std::to_string(i);
  expect_becomes(kMaskDiagonal, "g (float[16, 20] a) => (y) <int64[16, 2] i = {" + pairs + "}> { y = GatherND(a, i) }",
                 "Reshape Slice");
}

TEST(MaskDiagonal, ProductOfIntegers) {
  expect_becomes(kMaskDiagonal,
                 "g (int64[N, N] a) => (y) { e = EyeLike<dtype = 7>(a) w = Mul(e, a) y = ReduceSum<keepdims = 0>(w) }",
                 "Reshape Shape Add Slice ReduceSum");
}

// 0 * NaN is NaN, beside the diagonal too.
TEST(MaskDiagonal, LeavesAProductOfFloats) {
  const std::string text = "g (float[N, N] a) => (y) { e = EyeLike(a) w = Mul(e, a) y = ReduceSum<keepdims = 0>(w) }";
  expect_declines(kMaskDiagonal, text);
  OptimizeOptions finite;
  finite.assume_finite = true;
  expect_becomes(kMaskDiagonal, text, "Reshape Shape Add Slice ReduceSum", finite);
}

TEST(MaskDiagonal, LeavesAnotherDiagonal) {
  expect_declines(kMaskDiagonal,
                  "g (float[N, N] a) => (y) <float zero = {0}> { e = EyeLike<dtype = 9, k = 1>(a) w = Where(e, a, "
                  "zero) y = ReduceSum(w) }");
}

TEST(MaskDiagonal, LeavesRowsWithoutADiagonalElement) {
  expect_declines(kMaskDiagonal,
                  "g (float[5, 3] a) => (y) <float zero = {0}, int64[1] axis = {1}> { e = EyeLike<dtype = 9>(a) w = "
                  "Where(e, a, zero) y = ReduceSum(w, axis) }");
}

TEST(LowerEinsum, Trace) {
  expect_becomes(kLowerEinsum, "g (float[N, N] a) => (y) { y = Einsum<equation = \"ii\">(a) }",
                 "Reshape Shape Add Slice ReduceSum");
  expect_becomes(kLowerEinsum, "g (float[4, 4] a) => (y) { y = Einsum<equation = \"ii->i\">(a) }", "Reshape Slice");
  expect_becomes(kLowerEinsum, "g (float[B, 4, 4] a) => (y) { y = Einsum<equation = \"bii->b\">(a) }",
                 "Reshape Slice ReduceSum");
}

TEST(LowerEinsum, SumsAndPermutations) {
  expect_becomes(kLowerEinsum, "g (float[A, B, C] a) => (y) { y = Einsum<equation = \"abc->ca\">(a) }",
                 "ReduceSum Transpose");
}

TEST(LowerEinsum, Products) {
  expect_becomes(kLowerEinsum,
                 "g (float[A, B] a, float[B, C] b) => (y) { y = Einsum<equation = \"ij, jk -> ik\">(a, b) }", "MatMul");
  expect_becomes(
      kLowerEinsum,
      "g (float[A, H, B, 4] a, float[A, H, C, 4] b) => (y) { y = Einsum<equation = \"bhqd,bhkd->bhqk\">(a, b) }",
      "Transpose MatMul");
  expect_becomes(kLowerEinsum, "g (float[A, B] a, float[B] b) => (y) { y = Einsum<equation = \"ij,j->i\">(a, b) }",
                 "Unsqueeze MatMul Squeeze");
  expect_becomes(kLowerEinsum, "g (float[A, B] a, float[A] b) => (y) { y = Einsum<equation = \"ij,i->ij\">(a, b) }",
                 "Unsqueeze Mul");
  expect_becomes(kLowerEinsum, "g (float[A] a, float[B] b) => (y) { y = Einsum<equation = \"i,j->ij\">(a, b) }",
                 "Unsqueeze Unsqueeze Mul");
}

TEST(LowerEinsum, LeavesWhatTakesManyNodes) {
  expect_declines(kLowerEinsum,
                  "g (float[A, 2, 3] a, float[2, 3, C] b) => (y) { y = Einsum<equation = \"ahd,hdc->ac\">(a, b) }");
  expect_declines(
      kLowerEinsum,
      "g (float[A, B] a, float[B, C] b, float[C, D] c) => (y) { y = Einsum<equation = \"ij,jk,kl->il\">(a, b, c) }");
}

TEST(LowerEinsum, LeavesAnEllipsis) {
  expect_declines(
      kLowerEinsum,
      "g (float[A, 2, 3] a, float[A, 3, 4] b) => (y) { y = Einsum<equation = \"...ij,...jk->...ik\">(a, b) }");
}

}  // namespace
}  // namespace cycloid::testing
