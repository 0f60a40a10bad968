// Symbolic shapes through convolutions, pooling, products, recurrence and loops, and nodes they must refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/inferred.h"
#include "ops/nn/conv.h"
#include "ops/nn/pool.h"

namespace cycloid {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(NnInference, ConvolutionsGiveFloorExpressions) {
  EXPECT_EQ(inferred("g (float[n, 3, 224, 224] x, float[64, 3, 7, 7] w) => (y) { y = Conv<strides = [2, 2], pads = [3, "
                     "3, 3, 3]>(x, w) }"),
            "float[n, 64, 112, 112]");
  EXPECT_EQ(inferred("g (float[n, 4, h] x, float[8, 2, 3] w) => (y) { y = Conv<group = 2, pads = [1, 1]>(x, w) }"),
            "float[n, 8, h]");
  EXPECT_EQ(
      inferred(
          "g (float[n, 4, 9] x, float[8, 4, 3] w) => (y) { y = Conv<auto_pad = \"SAME_UPPER\", strides = [2]>(x, w) }"),
      "float[n, 8, 5]");
  EXPECT_EQ(
      inferred("g (float[n, 4, h, w] x, float[4, 2, 2, 2] k) => (y) { y = ConvTranspose<strides = [2, 2]>(x, k) }"),
      "float[n, 2, 2*h, 2*w]");
}

TEST(NnInference, PoolingInCeilModeLeavesOutWindowsThatStartInThePadding) {
  // (4 + 2 - 3) / 2 rounds up to 2, so 3 windows; the third would start at 4 - 1 = 3, inside. With size 3 the third
  // starts at 3, beyond the input.
  EXPECT_EQ(inferred("g (float[1, 1, 4] x) => (y) { y = MaxPool<kernel_shape = [3], strides = [2], pads = [1, 1], "
                     "ceil_mode = 1>(x) }"),
            "float[1, 1, 3]");
  EXPECT_EQ(inferred("g (float[1, 1, 2] x) => (y) { y = MaxPool<kernel_shape = [1], strides = [2], pads = [0, 0], "
                     "ceil_mode = 1>(x) }"),
            "float[1, 1, 1]");
}

TEST(NnInference, ProductsAndRecurrence) {
  EXPECT_EQ(inferred("g (float[b, 1, m, k] x, float[h, k, n] w) => (y) { y = MatMul(x, w) }"), "float[b, h, m, n]");
  EXPECT_EQ(inferred("g (float[n, 8] x, float[4, 8] w) => (y) { y = Gemm<transB = 1>(x, w) }"), "float[n, 4]");
  EXPECT_EQ(inferred("g (float[b, i, k] x, float[b, k, j] w) => (y) { y = Einsum<equation = \"bik,bkj->bij\">(x, w) }"),
            "float[b, i, j]");
  EXPECT_EQ(
      inferred(
          "g (float[t, b, 5] x, float[1, 16, 5] w, float[1, 16, 4] r) => (y) { y = LSTM<hidden_size = 4>(x, w, r) }"),
      "float[t, 1, b, 4]");
}

TEST(NnInference, LoopsWidenCarriedShapes) {
  const std::string type = inferred(R"(g (float[1] x, int64 n) => (y) <bool go = {1}> {
    y = Loop(n, go, x) <body = b (int64 i, bool c, float[1] s) => (c, t) { t = Concat<axis = 0>(s, s) }>
  })");
  EXPECT_THAT(type, testing::StartsWith("float[?"));
}

TEST(NnInference, RefusesWhatCannotBe) {
  EXPECT_THAT(inferred("g (float[1, 3, 8, 8] x, float[4, 4, 3, 3] w) => (y) { y = Conv(x, w) }"),
              HasSubstr("channels of X"));
  EXPECT_THAT(inferred("g (float[1, 3, 2, 2] x, float[4, 3, 3, 3] w) => (y) { y = Conv(x, w) }"),
              HasSubstr("larger than the padded input"));
  EXPECT_THAT(inferred("g (float[1, 3, 8, 8] x, float[4, 3, 3, 3] w) => (y) { y = Conv<strides = [0, 1]>(x, w) }"),
              HasSubstr("strides"));
  EXPECT_THAT(inferred("g (float[1, 3, 8, 8] x, float[4, 3, 3, 3] w) => (y) { y = Conv<pads = [1, 1]>(x, w) }"),
              HasSubstr("pads has 2 sizes"));
  EXPECT_THAT(inferred("g (float[1, 4, 8] x, float[3, 2, 3] w) => (y) { y = Conv<group = 2>(x, w) }"),
              HasSubstr("3 filters"));
  EXPECT_THAT(inferred("g (float[1, 1, 4] x) => (y) { y = MaxPool(x) }"), HasSubstr("kernel_shape"));
  EXPECT_THAT(inferred("g (int32[1, 1, 4] x) => (y) { y = MaxPool<kernel_shape = [2]>(x) }"), HasSubstr("int32"));
  EXPECT_THAT(inferred("g (float[2, 3] x, float[4, 2] w) => (y) { y = MatMul(x, w) }"), HasSubstr("depths"));
  EXPECT_THAT(inferred("g (float[2, 3] x) => (y) { y = Einsum<equation = \"ij->ik\">(x) }"),
              HasSubstr("no operand has"));
}

TEST(ConvAttributes, ResolvesPadsOfSameConvolutions) {
  Node node;
  node.op_type = "Conv";
  node.attributes["auto_pad"] = std::string("SAME_LOWER");
  node.attributes["strides"] = std::vector<std::int64_t>{2};
  const auto attributes = ConvAttributes::parse(node);
  ASSERT_TRUE(attributes.ok());
  const auto window = attributes->resolve({1, 3, 10}, {4, 3, 4});
  ASSERT_TRUE(window.ok());
  // 5 outputs reach (5 - 1) * 2 + 4 = 12 elements, 2 more than there are; the odd one would go to the beginning.
  EXPECT_THAT(window->output, ElementsAre(5));
  EXPECT_THAT(window->pads_begin, ElementsAre(1));
  EXPECT_THAT(window->pads_end, ElementsAre(1));
}

}  // namespace
}  // namespace cycloid
