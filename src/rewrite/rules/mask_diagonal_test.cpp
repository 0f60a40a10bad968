#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

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

TEST(MaskDiagonal, BooleanIndexing) {
  expect_becomes(kMaskDiagonal,
                 "g (float[N, N] a) => (y) { e = EyeLike(a) n = NonZero(e) t = Transpose(n) y = GatherND(a, t) }",
                 "Reshape Shape Add Slice");
  expect_becomes(kMaskDiagonal,
                 "g (float[5, 3] a) => (y) <int64[1] flat = {-1}> { e = EyeLike<dtype = 9>(a) f = Reshape(e, flat) y = "
                 "Compress(a, f) }",
                 "Reshape Slice");
  expect_declines(
      kMaskDiagonal,
      "g (float[N, N] a) => (y) { e = EyeLike<k = 1>(a) n = NonZero(e) t = Transpose(n) y = GatherND(a, t) }");
  expect_declines(
      kMaskDiagonal,
      "g (float[3, 3] a, bool[3] f) => (y) <float[3, 3] b = {1, 0, 0, 0, 1, 0, 0, 0, 1}> { y = Compress<axis = "
      "0>(a, f) }");
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

}  // namespace
}  // namespace cycloid::testing
