// Symbolic shapes through the operators that look at shapes and move elements, and inputs they must refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/text.h"
#include "ops/inferred.h"
#include "ops/op.h"

namespace cycloid {
namespace {

using testing::HasSubstr;

TEST(TensorInference, ReshapeKeepsSymbols) {
  EXPECT_EQ(inferred("g (float[n, 3, 4] x) => (y) <int64[2] s = {-1, 12}> { y = Reshape(x, s) }"), "float[n, 12]");
  EXPECT_EQ(inferred("g (float[n, 3, 4] x) => (y) <int64[2] s = {0, -1}> { y = Reshape(x, s) }"), "float[n, 12]");
  EXPECT_EQ(inferred("g (float[0, 3] x) => (y) <int64[2] s = {3, 0}> { y = Reshape<allowzero = 1>(x, s) }"),
            "float[3, 0]");
}

TEST(TensorInference, SizesTravelThroughShapeChains) {
  EXPECT_EQ(inferred(R"(g (float[n, 3, h, w] x) => (y) <int64 i0 = {0}, int64[1] zero = {0}, int64[1] rest = {-1}> {
    s = Shape(x)  n = Gather(s, i0)  u = Unsqueeze(n, zero)  t = Concat<axis = 0>(u, rest)  y = Reshape(x, t)
  })"),
            "float[n, 3*h*w]");
  EXPECT_EQ(inferred(R"(g (float[n, c, h, w] x, float[1] v) => (y) <int64[1] b = {2}, int64[1] e = {4}> {
    s = Shape(x)  hw = Slice(s, b, e)  y = Expand(v, hw)
  })"),
            "float[h, w]");
}

TEST(TensorInference, SliceClampsSymbolically) {
  EXPECT_EQ(
      inferred("g (float[n] x) => (y) <int64[1] b = {0}, int64[1] e = {9223372036854775807}> { y = Slice(x, b, e) }"),
      "float[n]");
  EXPECT_EQ(inferred("g (float[8] x) => (y) <int64[1] b = {-3}, int64[1] e = {100}> { y = Slice(x, b, e) }"),
            "float[3]");
  EXPECT_EQ(
      inferred(R"(g (float[8] x) => (y) <int64[1] b = {-1}, int64[1] e = {-100}, int64[1] a = {0}, int64[1] s = {-2}> {
    y = Slice(x, b, e, a, s) })"),
      "float[4]");
}

// What onnx's own inference gives, and ONNX Runtime; numpy's rules would give no element.
TEST(TensorInference, SliceBackwardsStartsAtTheFirstElementAtLeast) {
  EXPECT_EQ(
      inferred(R"(g (float[1] x) => (y) <int64[1] b = {-3}, int64[1] e = {-3}, int64[1] a = {0}, int64[1] s = {-1}> {
    y = Slice(x, b, e, a, s) })"),
      "float[1]");
  EXPECT_EQ(
      inferred(R"(g (float[0] x) => (y) <int64[1] b = {-3}, int64[1] e = {-3}, int64[1] a = {0}, int64[1] s = {-1}> {
    y = Slice(x, b, e, a, s) })"),
      "float[0]");
}

TEST(TensorInference, PadTileConcatSplit) {
  EXPECT_EQ(inferred("g (float[n, 4] x) => (y) <int64[4] p = {1, 0, 2, 0}> { y = Pad(x, p) }"), "float[n + 3, 4]");
  EXPECT_EQ(inferred("g (float[n, 4] x) => (y) <int64[2] r = {3, 2}> { y = Tile(x, r) }"), "float[3*n, 8]");
  EXPECT_EQ(inferred("g (float[n, 4] x, float[m, 4] z) => (y) { y = Concat<axis = 0>(x, z) }"), "float[m + n, 4]");
  EXPECT_EQ(inferred("g (float[7, n] x) => (c) { a, b, c = Split<axis = 0, num_outputs = 3>(x) }"), "float[1, n]");
}

TEST(TensorInference, RefusesWhatCannotBe) {
  EXPECT_THAT(inferred("g (float[2, 3] x) => (y) <int64[2] s = {4, 2}> { y = Reshape(x, s) }"),
              HasSubstr("cannot be reshaped"));
  EXPECT_THAT(inferred("g (float[2, 3] x) => (y) <int64[2] s = {-1, -1}> { y = Reshape(x, s) }"),
              HasSubstr("-1 more than once"));
  EXPECT_THAT(inferred("g (float[2, 3] x) => (y) { y = Transpose<perm = [0, 0]>(x) }"), HasSubstr("axis 0"));
  EXPECT_THAT(inferred("g (float[2, 3] x) => (y) { y = Transpose<perm = [0]>(x) }"), HasSubstr("perm"));
  EXPECT_THAT(inferred("g (float[2, 3] x) => (y) { y = Transpose<perm = [0, -1]>(x) }"),
              HasSubstr("perm has the axis -1"));
  EXPECT_THAT(inferred("g (float[2, 3] x) => (y) { y = Min(x, , x) }"), HasSubstr("input 1 is absent"));
  EXPECT_THAT(inferred("g (float[2] x) => (y) <int64 i = {2}> { y = Gather(x, i) }"),
              HasSubstr("index 2 is out of range"));
  EXPECT_THAT(inferred("g (float[2, 3] x, float[2, 4] z) => (y) { y = Concat<axis = 0>(x, z) }"),
              HasSubstr("cannot be joined"));
  EXPECT_THAT(inferred("g (float[2, 3] x) => (y) <int64[1] a = {0}> { y = Squeeze(x, a) }"),
              HasSubstr("cannot be squeezed"));
  EXPECT_THAT(inferred("g (float[2, 3] x) => (y) <int64[4] p = {0, -2, 0, -2}> { y = Pad(x, p) }"),
              HasSubstr("remove more"));
  EXPECT_THAT(inferred("g (float[2] x) => (y) <int64[1] b = {0}, int64[1] e = {1}, int64[1] a = {0}, int64[1] s = {0}> "
                       "{ y = Slice(x, b, e, a, s) }"),
              HasSubstr("step of Slice is 0"));
}

Result<std::vector<Datum>> evaluated(const char* text, std::vector<Datum> inputs, const EvaluateLimits& limits) {
  CYCLOID_ASSIGN(ModelIr model, parse_model(text));
  CYCLOID_TRY(infer_types(model));
  return evaluate(model, inputs, limits);
}

TEST(TensorEvaluation, RefusesIndicesOutOfRangeAndHostileSizes) {
  const Tensor x = Tensor::of<float>({2}, {1, 2});
  const auto gather =
      evaluated("g (float[n] x, int64[m] i) => (y) { y = Gather(x, i) }", {x, Tensor::of<std::int64_t>({1}, {-3})}, {});
  ASSERT_FALSE(gather.ok());
  EXPECT_THAT(gather.error().message(), HasSubstr("index -3 is out of range"));
  const Tensor huge = Tensor::of<std::int64_t>({2}, {std::int64_t{1} << 40, 2});
  const auto expand = evaluated("g (float[n] x, int64[2] s) => (y) { y = Expand(x, s) }", {x, huge},
                                {.max_bytes = std::size_t{1} << 30});
  ASSERT_FALSE(expand.ok());
  EXPECT_EQ(expand.error().code(), ErrorCode::kResourceExhausted);
  const Tensor overflow = Tensor::of<std::int64_t>({1}, {INT64_MAX});
  EXPECT_FALSE(evaluated("g (float[n] x, int64[1] r) => (y) { y = Tile(x, r) }", {x, overflow}, {}).ok());
}

}  // namespace
}  // namespace cycloid
