#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

constexpr const char* kWeights = "<float[3, 2] w = {1, -2, 0.5, 3, 4, -1}, float[2] b = {0.25, -8}>";

TEST(MatMulToConv, BetweenTransposes) {
  expect_becomes(
      kMatMulToConv,
      std::string("g (float[N, 3, 4, 5] x) => (y) ") + kWeights +
          " { t = Transpose<perm = [0, 2, 3, 1]>(x) m = MatMul(t, w) a = Add(b, m) y = Transpose<perm = [0, 3, "
          "1, 2]>(a) }",
      "Conv");
  expect_becomes(kMatMulToConv,
                 std::string("g (float[N, 3, 7] x) => (y) ") + kWeights +
                     " { t = Transpose<perm = [0, 2, 1]>(x) m = MatMul(t, w) y = Transpose<perm = [0, 2, 1]>(m) }",
                 "Conv");
}

TEST(MatMulToConv, LeavesOtherAxes) {
  expect_declines(
      kMatMulToConv,
      std::string("g (float[N, 4, 3, 4] x) => (y) ") + kWeights +
          " { t = Transpose<perm = [0, 1, 3, 2]>(x) m = MatMul(t, w) y = Transpose<perm = [0, 3, 1, 2]>(m) }");
}

TEST(MatMulToConv, LeavesATransposeThatIsUsedElsewhere) {
  expect_declines(
      kMatMulToConv,
      std::string("g (float[N, 3, 4, 5] x) => (y, t) ") + kWeights +
          " { t = Transpose<perm = [0, 2, 3, 1]>(x) m = MatMul(t, w) y = Transpose<perm = [0, 3, 1, 2]>(m) }");
}

// A convolution needs a pixel.
TEST(MatMulToConv, LeavesImagesThatMayBeEmpty) {
  expect_declines(
      kMatMulToConv,
      std::string("g (float[N, 3, H, W] x) => (y) ") + kWeights +
          " { t = Transpose<perm = [0, 2, 3, 1]>(x) m = MatMul(t, w) y = Transpose<perm = [0, 3, 1, 2]>(m) }");
}

TEST(MatMulToConv, LeavesWeightsKnownAtRunTimeOnly) {
  expect_declines(
      kMatMulToConv,
      "g (float[N, 3, 4, 5] x, float[3, 2] w) => (y) { t = Transpose<perm = [0, 2, 3, 1]>(x) m = MatMul(t, w) y "
      "= Transpose<perm = [0, 3, 1, 2]>(m) }");
}

constexpr const char* kPixel = "<float[2, 3, 1, 1] w = {1, -2, 0.5, 3, 4, -1}, float[2] b = {0.25, -8}";

TEST(ConvToMatMul, BetweenTransposes) {
  expect_becomes(
      kConvToMatMul,
      std::string("g (float[N, H, W, 3] x) => (y) ") + kPixel +
          "> { t = Transpose<perm = [0, 3, 1, 2]>(x) c = Conv(t, w, b) y = Transpose<perm = [0, 2, 3, 1]>(c) }",
      "MatMul Add");
}

TEST(ConvToMatMul, BetweenReshapes) {
  expect_becomes(kConvToMatMul,
                 std::string("g (float[N, 3] x) => (y) ") + kPixel +
                     ", int64[2] axes = {2, 3}> { t = Unsqueeze(x, axes) c = Conv(t, w, b) y = Flatten(c) }",
                 "Gemm");
}

TEST(ConvToMatMul, LeavesStridesPadsAndGroups) {
  for (const char* attributes : {"strides = [2, 2]", "pads = [0, 0, 0, 1]"}) {
    expect_declines(kConvToMatMul, std::string("g (float[N, H, W, 3] x) => (y) ") + kPixel +
                                       "> { t = Transpose<perm = [0, 3, 1, 2]>(x) c = Conv<" + attributes +
                                       ">(t, w, b) y = Transpose<perm = [0, 2, 3, 1]>(c) }");
  }
  expect_declines(
      kConvToMatMul,
      "g (float[N, H, W, 2] x) => (y) <float[2, 1, 1, 1] w = {1, 2}> { t = Transpose<perm = [0, 3, 1, 2]>(x) c "
      "= Conv<group = 2>(t, w) y = Transpose<perm = [0, 2, 3, 1]>(c) }");
}

TEST(ConvToMatMul, LeavesImagesOfMorePixels) {
  expect_declines(kConvToMatMul,
                  std::string("g (float[N, 12] x) => (y) ") + kPixel +
                      ", int64[4] s = {0, 3, 2, 2}> { t = Reshape(x, s) c = Conv(t, w, b) y = Flatten(c) }");
}

}  // namespace
}  // namespace cycloid::testing
