#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

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
