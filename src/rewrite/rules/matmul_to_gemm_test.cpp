#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(MatMulToGemm, Fires) {
  expect_rewrites(kMatMulToGemm,
                  "g (float[N, 4] x, float[4, 3] w, float[3] b) => (y) { t = MatMul(x, w) y = Add(b, t) }",
                  "g (float[N, 4] x, float[4, 3] w, float[3] b) => (y) { y = Gemm(x, w, b) }");
}

TEST(MatMulToGemm, GivesGemmItsBias) {
  expect_rewrites(
      kMatMulToGemm,
      "g (float[N, 4] x, float[3, 4] w, float[N, 3] b) => (y) { t = Gemm<alpha = 2.0, transB = 1>(x, w) y = Add(t, b) "
      "}",
      "g (float[N, 4] x, float[3, 4] w, float[N, 3] b) => (y) { y = Gemm<alpha = 2.0, transB = 1>(x, w, b) }");
}

TEST(MatMulToGemm, LeavesBatches) {
  expect_declines(kMatMulToGemm,
                  "g (float[N, 2, 4] x, float[4, 3] w, float[3] b) => (y) { t = MatMul(x, w) y = Add(t, b) }");
}

// With N = 1, the sum has more rows than the product.
TEST(MatMulToGemm, LeavesABroadcastProduct) {
  expect_declines(kMatMulToGemm,
                  "g (float[N, 4] x, float[4, 3] w, float[M, 3] b) => (y) { t = MatMul(x, w) y = Add(t, b) }");
}

TEST(MatMulToGemm, LeavesAProductThatIsUsedElsewhere) {
  expect_declines(kMatMulToGemm,
                  "g (float[N, 4] x, float[4, 3] w, float[3] b) => (y, t) { t = MatMul(x, w) y = Add(t, b) }");
}

TEST(MatMulToGemm, LeavesIntegers) {
  expect_declines(kMatMulToGemm,
                  "g (int32[N, 4] x, int32[4, 3] w, int32[3] b) => (y) { t = MatMul(x, w) y = Add(t, b) }");
}

}  // namespace
}  // namespace cycloid::testing
