#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

constexpr const char* kHalves =
    "int64[1] zero = {0}, int64[1] two = {2}, int64[1] four = {4}, int64[1] last = {-1}, int64[1] one = {1}";
constexpr const char* kTurned =
    "a = Slice(x, zero, two, last) b = Slice(x, two, four, last) n = Neg(b) r = Concat<axis = "
    "-1>(n, a) ";

std::string whole(const std::string& inputs, const std::string& before, const std::string& constants = "") {
  return "g (" + inputs + ") => (y) <" + kHalves + constants + "> { " + before + kTurned +
         "p = Mul(x, cosines) q = Mul(r, sines) y = Add(p, q) }";
}

TEST(RaiseRotary, OfAnglesThatStandThereTwice) {
  expect_becomes(kRaiseRotary,
                 whole("float[B, 2, S, 4] x, float[B, S, 2] f",
                       "d = Concat<axis = -1>(f, f) c = Cos(d) cosines = Unsqueeze(c, one) s = Sin(d) sines = "
                       "Unsqueeze(s, one) "),
                 "Cos Unsqueeze Squeeze Sin Unsqueeze Squeeze RotaryEmbedding");
}

TEST(RaiseRotary, OfATableForAllBatches) {
  expect_becomes(
      kRaiseRotary,
      whole("float[B, 2, 3, 4] x", "",
            ", float[3, 4] cosines = {1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6}, float[3, 4] sines = {1, 0, 1, 0, 0.5, "
            "0.25, 0.5, 0.25, 3, 1, 3, 1}"),
      "Shape Concat Expand Expand RotaryEmbedding");
}

TEST(RaiseRotary, LeavesATableOfWhichTheHalvesDiffer) {
  expect_declines(
      kRaiseRotary,
      whole("float[1, 2, 3, 4] x", "",
            ", float[3, 4] cosines = {1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 7}, float[3, 4] sines = {1, 0, 1, 0, "
            "0.5, 0.25, 0.5, 0.25, 3, 1, 3, 1}"));
}

TEST(RaiseRotary, LeavesAnglesOfWhichNothingIsKnown) {
  expect_declines(kRaiseRotary, whole("float[B, 2, S, 4] x, float[B, 1, S, 4] cosines, float[B, 1, S, 4] sines", ""));
}

TEST(RaiseRotary, LeavesHalvesThatAreNotTurned) {
  expect_declines(
      kRaiseRotary,
      std::string("g (float[1, 2, 3, 4] x) => (y) <") + kHalves +
          ", float[3, 4] cosines = {1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6}> { a = Slice(x, zero, two, last) b = "
          "Slice(x, two, four, last) n = Neg(a) r = Concat<axis = -1>(n, b) p = Mul(x, cosines) q = Mul(r, "
          "cosines) y = Add(p, q) }");
}

TEST(RaiseRotary, OfHalves) {
  expect_becomes(
      kRaiseRotary,
      "g (float[B, 2, S, 4] x, float[S, 2] c, float[S, 2] s) => (y) { a, b = Split<axis = -1, num_outputs = "
      "2>(x) p = Mul(a, c) q = Mul(b, s) r = Sub(p, q) t = Mul(b, c) u = Mul(a, s) i = Add(t, u) y = Concat<axis "
      "= -1>(r, i) }",
      "Shape Concat Expand Expand RotaryEmbedding");
  expect_declines(
      kRaiseRotary,
      "g (float[B, 2, S, 4] x, float[S, 2] c, float[S, 2] s) => (y) { a, b = Split<axis = -1, num_outputs = "
      "2>(x) p = Mul(a, c) q = Mul(b, s) r = Sub(p, q) t = Mul(b, c) u = Mul(b, s) i = Add(t, u) y = "
      "Concat<axis = -1>(r, i) }");
}

TEST(RaiseRotary, OfPairs) {
  expect_becomes(
      kRaiseRotary,
      "g (float[1, 2, 3, 4] x) => (y) <int64[1] zero = {0}, int64[1] one = {1}, int64[1] nine = {9}, int64[1] last = "
      "{-1}, "
      "int64[1] two = {2}, int64[4] shape = {1, 2, 3, 4}, float[3, 4] cosines = {1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6}, "
      "float[3, 4] sines = {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5}> { a = Slice(x, zero, nine, last, two) b = Slice(x, "
      "one, "
      "nine, last, two) n = Neg(b) m = Unsqueeze(n, last) l = Unsqueeze(a, last) k = Concat<axis = -1>(m, l) r = "
      "Reshape(k, "
      "shape) p = Mul(x, cosines) q = Mul(r, sines) y = Add(p, q) }",
      "Unsqueeze Unsqueeze RotaryEmbedding");
}

}  // namespace
}  // namespace cycloid::testing
