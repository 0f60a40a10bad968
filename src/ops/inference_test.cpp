// Symbolic shapes through the operators on images, signals, strings, losses and of com.microsoft, and nodes they must
// refuse.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/inferred.h"

namespace cycloid {
namespace {

using testing::HasSubstr;

std::string branches(const char* size, const char* then_op, const char* else_op) {
  return inferred(
      fmt::format("g (float[{}, 4] x, bool c) => (y) <int64[1] axes = {{0}}> {{ y = If (c) <then_branch = t () => "
                  "(a) {{ a = {} }}, else_branch = e () => (b) {{ b = {} }}> }}",
                  size, then_op, else_op)
          .c_str());
}

TEST(ReduceInference, AxesAreIntegers) {
  EXPECT_THAT(inferred("g (float[2,3] x, int64[1] a) => (y) { y = ReduceSum(x, a) }"), HasSubstr("float["));
  EXPECT_THAT(inferred("g (float[2,3] x) => (y) <float[1] a = {1}> { y = ReduceSum(x, a) }"), HasSubstr("float32"));
  EXPECT_THAT(inferred("g (float[2,3] x, float[1] a) => (y) { y = ReduceL1(x, a) }"), HasSubstr("float32"));
}

TEST(ControlInference, ABranchForOtherSizesSaysNothing) {
  EXPECT_EQ(branches("1", "Squeeze(x, axes)", "Identity(x)"), "float");
  EXPECT_EQ(branches("2", "Squeeze(x, axes)", "Identity(x)"), "float[2, 4]");
  EXPECT_EQ(branches("2", "Neg(x)", "Squeeze(x, axes)"), "float[2, 4]");
  EXPECT_THAT(branches("2", "Squeeze(x, axes)", "Squeeze(x, axes)"), HasSubstr("cannot be squeezed"));
  EXPECT_THAT(branches("2", "Neg(x)", "Frobnicate(x)"), HasSubstr("Frobnicate"));
}

TEST(Arity, EveryOutputThatIsNotOptionalHasAPlace) {
  EXPECT_THAT(inferred("g (float[9] x, int64[1] k) => (y) { y = TopK(x, k) }"), HasSubstr("at least 2 outputs"));
  EXPECT_THAT(inferred("g (float[9] x) => (y) { y, s = DynamicQuantizeLinear(x) }"), HasSubstr("at least 3 outputs"));
  EXPECT_EQ(inferred("g (float[9] x, int64[1] k) => (y) { \"\", y = TopK(x, k) }"), "int64[?0]");
}

TEST(VisionInference, KeepsSizesSymbolic) {
  EXPECT_EQ(inferred("g (float[n, c, h, w] x, float[n, i, j, 2] grid) => (y) { y = GridSample(x, grid) }"),
            "float[n, c, i, j]");
  EXPECT_EQ(
      inferred("g (float[n, c, h, w] x, float[r, 4] b, int64[r] i) => (y) { y = RoiAlign<output_height = 7>(x, b, "
               "i) }"),
      "float[r, c, 7, 1]");
  EXPECT_EQ(
      inferred("g (float[n, c, h, 4] x, int64[n, c, h, 4] i) => (y) { y = MaxUnpool<kernel_shape = [2, 2], strides "
               "= [2, 2]>(x, i) }"),
      "float[n, c, 2*h, 8]");
  EXPECT_EQ(inferred("g (float[n, 12, l] x) => (y) <int64[2] image = {5, 6}, int64[2] block = {2, 2}> { y = Col2Im(x, "
                     "image, block) }"),
            "float[n, 3, 5, 6]");
  EXPECT_EQ(inferred("g (float[n, 2, 3] t) => (y) <int64[4] size = {2, 3, 5, 6}> { y = AffineGrid(t, size) }"),
            "float[2, 5, 6, 2]");
  EXPECT_EQ(
      inferred("g (float[n, 2, h, w] x, float[4, 2, 3, 3] k, float[n, 18, h, w] o) => (y) { y = DeformConv<pads = "
               "[1, 1, 1, 1]>(x, k, o) }"),
      "float[n, 4, h, w]");
}

TEST(VisionInference, RefusesWhatCannotBe) {
  EXPECT_THAT(inferred("g (float[1, 1, 4, 4] x, float[1, 2, 2, 3] grid) => (y) { y = GridSample(x, grid) }"),
              HasSubstr("coordinates"));
  EXPECT_THAT(inferred("g (float[1, 1, 4, 4] x, float[1, 2, 2, 2] g) => (y) { y = GridSample<mode = \"best\">(x, g) }"),
              HasSubstr("'best'"));
  EXPECT_THAT(inferred("g (float[1, 5, 4] b, float[1, 1, 6] s) => (y) { y = NonMaxSuppression(b, s) }"),
              HasSubstr("boxes"));
  EXPECT_THAT(inferred("g (float[1, 1, 4, 4] x, float[2, 5] b, int64[2] i) => (y) { y = RoiAlign(x, b, i) }"),
              HasSubstr("rois"));
  EXPECT_THAT(
      inferred("g (float[1, 2, 4, 4] x, float[4, 2, 3, 3] k, float[1, 17, 2, 2] o) => (y) { y = DeformConv(x, k, "
               "o) }"),
      HasSubstr("offset"));
}

TEST(ResizeInference, RefusesScalesThatNoMapHas) {
  const auto resized = [](std::string_view shape, std::string_view scales) {
    return inferred(
        fmt::format("g (float[{}] x) => (y) <float[2] s = {{{}}}> {{ y = Resize(x, \"\", s) }}", shape, scales)
            .c_str());
  };
  EXPECT_EQ(resized("n, 4", "2, 2"), "float[2*n, 8]");
  for (const char* shape : {"n, 4", "2, 4"}) {
    EXPECT_THAT(resized(shape, "1, 1e30"), HasSubstr("a scale of 1e+30 for a size of 4"));
    EXPECT_THAT(resized(shape, "1, -1"), HasSubstr("a scale of -1"));
    EXPECT_THAT(resized(shape, "1, nan"), HasSubstr("a scale of nan"));
  }
  EXPECT_THAT(resized("n, 4, 4", "1, 1"), HasSubstr("2 scales or sizes for 3 axes"));
}

TEST(SignalInference, TransformsAndWindows) {
  EXPECT_EQ(inferred("g (float[n, t, 1] x) => (y) { y = DFT<onesided = 1>(x) }"), "float[n, floor((t)/(2)) + 1, 2]");
  EXPECT_EQ(inferred("g (float[n, k, 2] x) => (y) { y = DFT<onesided = 1, inverse = 1>(x) }"), "float[n, 2*k - 2, 1]");
  EXPECT_EQ(inferred("g (float[n, t, 1] x, float[400] w) => (y) <int64 step = {160}> { y = STFT(x, step, w) }"),
            "float[n, floor((t + 80)/(160)) - 2, 201, 2]");
  EXPECT_EQ(inferred("g () => (y) <int64 size = {9}> { y = HannWindow(size) }"), "float[9]");
  EXPECT_THAT(inferred("g (float[n, t, 2] x) => (y) { y = DFT<onesided = 1>(x) }"), HasSubstr("real signal"));
  EXPECT_THAT(inferred("g (float[n, t, 3] x) => (y) { y = DFT(x) }"), HasSubstr("last size"));
}

TEST(TextInference, StringsAndVectors) {
  EXPECT_EQ(inferred("g (string[n, 1] x, string[3] y) => (z) { z = StringConcat(x, y) }"), "string[n, 3]");
  EXPECT_EQ(inferred("g (string[n] x) => (y) { y = RegexFullMatch<pattern = \"a+\">(x) }"), "bool[n]");
  EXPECT_EQ(
      inferred("g (int64[n, 9] x) => (y) { y = TfIdfVectorizer<mode = \"TF\", min_gram_length = 1, max_gram_length "
               "= 1, max_skip_count = 0, ngram_counts = [0], ngram_indexes = [1, 4], pool_int64s = [7, 8]>(x) }"),
      "float[n, 5]");
  EXPECT_THAT(inferred("g (string[n] x) => (y) { y = RegexFullMatch<pattern = \"(\">(x) }"), HasSubstr("unclosed"));
  EXPECT_THAT(inferred("g (string[2, 3] x) => (y) { y = StringNormalizer(x) }"), HasSubstr("[1, C]"));
}

TEST(LossInference, ReducesOrKeepsThePositions) {
  EXPECT_EQ(inferred("g (float[n, c, d] x, int64[n, d] t) => (y) { y = NegativeLogLikelihoodLoss<reduction = "
                     "\"none\">(x, t) }"),
            "float[n, d]");
  EXPECT_EQ(inferred("g (float[n, c] x, int64[n] t) => (y) { y = SoftmaxCrossEntropyLoss(x, t) }"), "float[]");
  EXPECT_THAT(inferred("g (float[n, 3] x, int64[n] t, float[4] w) => (y) { y = SoftmaxCrossEntropyLoss(x, t, w) }"),
              HasSubstr("weights"));
}

TEST(AttentionInference, LinearFlexAndCausal) {
  EXPECT_EQ(inferred("g (float[b, t, 8] q, float[b, t, 8] k, float[b, t, 6] v) => (y, s) { y, s = "
                     "LinearAttention<update_rule = \"linear\", q_num_heads = 2, kv_num_heads = 2>(q, k, v) }"),
            "float[b, t, 6]");
  EXPECT_EQ(inferred("g (float[b, c, t] x, float[c, 1, 4] w) => (y, s) { y, s = CausalConvWithState(x, w) }"),
            "float[b, c, t]");
  EXPECT_THAT(inferred("g (float[b, t, 8] q, float[b, t, 8] k, float[b, t, 6] v) => (y, s) { y, s = "
                       "LinearAttention<q_num_heads = 2, kv_num_heads = 2>(q, k, v) }"),
              HasSubstr("decay"));
}

}  // namespace
}  // namespace cycloid
