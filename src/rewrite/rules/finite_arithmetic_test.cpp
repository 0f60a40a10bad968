// Rules for products of which 0 * infinity would make a difference.
#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

const OptimizeOptions kFinite = {.assume_finite = true};

std::string numbers(int count) {
  std::string text = "0.5";
  for (int i = 1; i < count; ++i) text += ", " + std::to_string(i % 5 - 2);
  return text;
}

std::string table(int rows, int columns) {
  return "float[" + std::to_string(rows) + ", " + std::to_string(columns) + "] w = {" + numbers(rows * columns) + "}";
}

void expect_rows(const std::string& text, const std::string& ops) {
  const ModelIr model = parse_typed(text);
  const Optimized optimized = apply_alone(kOneHotProduct, model, 2);
  EXPECT_EQ(operators(optimized.model), ops) << print(optimized.model);
  // In range, from the end, and outside of it on both sides.
  const auto ids = Tensor::of<std::int64_t>({8}, {0, 63, 64, -1, -64, -65, 7, 1000000});
  expect_same(model, optimized.model, {ids}, true);
}

TEST(OneHotProduct, ReadsRows) {
  expect_rows("g (int64[N] i) => (y) <int64 depth = {64}, float[2] values = {0, 1}, " + table(64, 64) +
                  "> { h = OneHot(i, depth, values) y = MatMul(h, w) }",
              "GreaterOrEqual Less And Mod Where Gather");
}

TEST(OneHotProduct, OfAComparisonWithAllIndices) {
  std::string range = "0";
  for (int i = 1; i < 64; ++i) range += ", " + std::to_string(i);
  expect_rows("g (int64[N] i) => (y) <int64[64] all = {" + range + "}, int64[1] last = {-1}, " + table(64, 64) +
                  "> { u = Unsqueeze(i, last) e = Equal(u, all) h = Cast<to = 1>(e) y = MatMul(h, w) }",
              "GreaterOrEqual Less And Where Gather");
}

TEST(OneHotProduct, LeavesOtherNumbersAndInfiniteWeights) {
  expect_declines(kOneHotProduct, "g (int64[N] i) => (y) <int64 depth = {64}, float[2] values = {0, 2}, " +
                                      table(64, 64) + "> { h = OneHot(i, depth, values) y = MatMul(h, w) }");
  expect_declines(kOneHotProduct,
                  "g (int64[N] i) => (y) <int64 depth = {2}, float[2] values = {0, 1}, float[2, 1] w = {inf, 1}> { h = "
                  "OneHot(i, depth, values) y = MatMul(h, w) }");
}

TEST(OneHotProduct, LeavesASmallProduct) {
  expect_declines(kOneHotProduct,
                  "g (int64[N] i) => (y) <int64 depth = {2}, float[2] values = {0, 1}, float[2, 1] w = {3, 1}> { h = "
                  "OneHot(i, depth, values) y = MatMul(h, w) }");
}

constexpr const char* kChoice =
    "g (float[N, 3] a, float[N, 3] b, bool[N, 1] c) => (y) <float one = {1}> { m = Cast<to = 1>(c) n = Sub(one, m) p = "
    "Mul(a, m) q = Mul(n, b) y = Add(p, q) }";

TEST(MaskToWhere, ForFiniteValues) {
  expect_becomes(kMaskToWhere, kChoice, "Where", kFinite);
  expect_becomes(
      kMaskToWhere,
      "g (float[N, 3] a, float[N, 3] b, bool[N, 1] c) => (y) { m = Cast<to = 1>(c) d = Not(c) n = Cast<to = 1>(d) "
      "p = Mul(a, n) q = Mul(m, b) y = Add(p, q) }",
      "Where", kFinite);
}

TEST(MaskToWhere, LeavesValuesThatMayBeInfinite) { expect_declines(kMaskToWhere, kChoice); }

TEST(MaskToWhere, OfIntegers) {
  expect_becomes(
      kMaskToWhere,
      "g (int64[N] a, int64[N] b, bool[N] c) => (y) <int64 one = {1}> { m = Cast<to = 7>(c) n = Sub(one, m) p = "
      "Mul(a, m) q = Mul(n, b) y = Add(p, q) }",
      "Where");
}

TEST(MaskToWhere, LeavesTwoConditions) {
  const ModelIr model = parse_typed(
      "g (float[N] a, float[N] b, bool[N] c, bool[N] d) => (y) <float one = {1}> { m = Cast<to = 1>(c) e = Cast<to = "
      "1>(d) "
      "n = Sub(one, e) p = Mul(a, m) q = Mul(n, b) y = Add(p, q) }");
  const auto optimized = optimize(model, {.only = {"mask-to-where"}, .assume_finite = true});
  ASSERT_TRUE(optimized.ok());
  EXPECT_TRUE(optimized->ledger.applications.empty());
}

TEST(ComposeLinear, GemmsAndTheirBiases) {
  expect_becomes(
      kComposeLinear,
      "g (float[N, 2] x) => (y) <float[3, 2] a = {1, 2, 3, 4, 5, 6}, float[3] b = {1, -1, 2}, float[2, 3] c = {1, "
      "0, 2, -1, 3, 1}, float[2] d = {0.5, 1}> { h = Gemm<transB = 1>(x, a, b) y = Gemm<transB = 1>(h, c, d) }",
      "Transpose Transpose MatMul MatMul Add Gemm", kFinite);
}

TEST(ComposeLinear, MatMulsOfAnyRank) {
  expect_becomes(
      kComposeLinear,
      "g (float[B, N, 2] x) => (y) <float[2, 3] a = {1, 2, 3, 4, 5, 6}, float[3] b = {1, -1, 2}, float[3, 2] c = "
      "{1, 0, 2, -1, 3, 1}> { h = MatMul(x, a) i = Add(h, b) y = MatMul(i, c) }",
      "MatMul MatMul MatMul Add", kFinite);
}

TEST(ComposeLinear, LeavesWhatWouldBeMoreWork) {
  const ModelIr model = parse_typed(
      "g (float[N, 3] x) => (y) <float[3, 1] a = {1, 2, 3}, float[1, 3] c = {1, 0, 2}> { h = MatMul(x, a) y = "
      "MatMul(h, c) "
      "}");
  const auto optimized = optimize(model, {.only = {"compose-linear"}, .assume_finite = true});
  ASSERT_TRUE(optimized.ok());
  EXPECT_TRUE(optimized->ledger.applications.empty());
}

TEST(ComposeLinear, LeavesValuesThatMayBeInfinite) {
  expect_declines(kComposeLinear,
                  "g (float[N, 2] x) => (y) <float[2, 2] a = {1, 2, 3, 4}> { h = MatMul(x, a) y = MatMul(h, a) }");
}

TEST(FactorProduct, OfASumAndADifference) {
  expect_becomes(kFactorProduct,
                 "g (float[N, 4] x, float[N, 4] a, float[N, 4] b) => (y) { p = Mul(x, a) q = Mul(b, x) y = Add(p, q) }",
                 "Add Mul", kFinite);
  expect_becomes(kFactorProduct,
                 "g (int64[N, 4] x, int64[N, 4] a, int64[N, 4] b) => (y) { p = Mul(x, a) q = Mul(b, x) y = Sub(p, q) }",
                 "Sub Mul");
}

TEST(FactorProduct, LeavesOthers) {
  expect_declines(kFactorProduct,
                  "g (float[N] x, float[N] a, float[N] b) => (y) { p = Mul(x, a) q = Mul(b, x) y = Add(p, q) }");
  expect_declines(kFactorProduct,
                  "g (int64[N] x, int64[N] a, int64[N] b) => (y) { p = Mul(a, a) q = Mul(b, x) y = Add(p, q) }");
  expect_declines(kFactorProduct,
                  "g (int64[N] x, int64[N] a, int64[N] b) => (y, p) { p = Mul(x, a) q = Mul(b, x) y = Add(p, q) }");
}

}  // namespace
}  // namespace cycloid::testing
