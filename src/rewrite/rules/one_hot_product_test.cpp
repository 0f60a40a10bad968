#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

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
  const Optimized optimized = expect_becomes(kOneHotProduct, text, ops);
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

}  // namespace
}  // namespace cycloid::testing
