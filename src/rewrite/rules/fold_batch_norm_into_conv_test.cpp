#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

constexpr const char* kNorm =
    "float[2] s = {0.5, -2}, float[2] b = {1, 3}, float[2] m = {0.25, -1}, float[2] v = {4, 0.25}";

TEST(FoldBatchNormIntoConv, Fires) {
  // s / sqrt(v) = {0.25, -4}; the expected constants are exact in float32.
  expect_rewrites(kFoldBatchNormIntoConv,
                  std::string("g (float[N, 1, 4, 4] x) => (y) <float[2, 1, 1, 1] w = {2, 3}, float[2] c = {1, 1}, ") +
                      kNorm + "> { t = Conv(x, w, c) y = BatchNormalization<epsilon = 0.0>(t, s, b, m, v) }",
                  "g (float[N, 1, 4, 4] x) => (y) <float[2, 1, 1, 1] w = {0.5, -12}, float[2] c = {1.1875, -5}> { y = "
                  "Conv(x, w, c) }");
}

TEST(FoldBatchNormIntoConv, WithoutABias) {
  expect_rewrites(kFoldBatchNormIntoConv,
                  std::string("g (float[N, 1, 4, 4] x) => (y) <float[2, 1, 1, 1] w = {2, 3}, ") + kNorm +
                      "> { t = Conv(x, w) y = BatchNormalization<epsilon = 0.0>(t, s, b, m, v) }",
                  "g (float[N, 1, 4, 4] x) => (y) <float[2, 1, 1, 1] w = {0.5, -12}, float[2] c = {0.9375, -1}> { y = "
                  "Conv(x, w, c) }");
}

TEST(FoldBatchNormIntoConv, LeavesAConvThatIsUsedElsewhere) {
  expect_declines(kFoldBatchNormIntoConv,
                  std::string("g (float[N, 1, 4, 4] x) => (y, z) <float[2, 1, 1, 1] w = {2, 3}, ") + kNorm +
                      "> { t = Conv(x, w) y = BatchNormalization(t, s, b, m, v) z = Relu(t) }");
}

TEST(FoldBatchNormIntoConv, LeavesWeightsGivenAtRunTime) {
  expect_declines(kFoldBatchNormIntoConv, std::string("g (float[N, 1, 4, 4] x, float[2, 1, 1, 1] w) => (y) <") + kNorm +
                                              "> { t = Conv(x, w) y = BatchNormalization(t, s, b, m, v) }");
}

// 1 / sqrt(0) is infinite: the folded weights would turn 0 * inf into NaN where the original gives a number.
TEST(FoldBatchNormIntoConv, LeavesAZeroVariance) {
  expect_declines(kFoldBatchNormIntoConv,
                  "g (float[N, 1, 4, 4] x) => (y) <float[1, 1, 1, 1] w = {2}, float[1] s = {1}, float[1] b = {0}, "
                  "float[1] m = {0}, float[1] v = {0}> { "
                  "t = Conv(x, w) y = BatchNormalization<epsilon = 0.0>(t, s, b, m, v) }");
}

}  // namespace
}  // namespace cycloid::testing
