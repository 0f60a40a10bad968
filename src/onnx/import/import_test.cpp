#include "onnx/import/import.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "graph/text.h"
#include "ops/op.h"

namespace cycloid::onnx {
namespace {

// The text of the main graph, without types, after import of a model of opset `version`.
std::string imported(std::string_view graph, std::int64_t version, std::string_view functions = "") {
  auto model =
      parse_model(fmt::format("<ir_version: 7, opset_import: [\"\" : {}, \"local\" : 1, \"ai.onnx.ml\" : 1]>\n{}\n{}",
                              version, graph, functions));
  if (!model) return model.error().message();
  if (const Status status = to_normal_form(*model); !status) return status.error().message();
  EXPECT_TRUE(verify(model->graph).ok()) << verify(model->graph).error().message();
  EXPECT_EQ(model->opsets.at(""), kNewestOpset);
  return print(model->graph, {.types = false});
}

TEST(Import, AllSharedModelsImport) {
  const std::string source = CYCLOID_SOURCE_DIR;
  for (const std::string& folder :
       {source + "/../shared/models", source + "/.venv/lib/python3.11/site-packages/onnx/backend/test/data/light"}) {
    if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << folder << " is absent";
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".onnx") continue;
      const auto model = import_model(entry.path().string());
      ASSERT_TRUE(model.ok()) << model.error().message();
      const auto status = verify(model->graph);
      EXPECT_TRUE(status.ok()) << entry.path() << ": " << status.error().message();
    }
  }
}

TEST(Import, AttributesBecomeInputs) {
  EXPECT_EQ(
      imported(
          R"(g (float[2, 3] x) => (y) { a = Unsqueeze <axes = [0]> (x)  y = ReduceMean <axes = [1], keepdims = 0> (a) })",
          11),
      R"(g (float[2, 3] x) => (y)
<int64[1] "a/axes" = {0},
 int64[1] "y/axes" = {1}>
{
   a = Unsqueeze (x, "a/axes")
   y = ReduceMean <keepdims = 0> (a, "y/axes")
}
)");
}

TEST(Import, ClipTakesItsBoundsInTheElementType) {
  EXPECT_EQ(imported("g (float16[2] x) => (y) { y = Clip <min = 0.0, max = 6.0> (x) }", 6), R"(g (float16[2] x) => (y)
<float16 "y/min" = {0},
 float16 "y/max" = {17920}>
{
   y = Clip (x, "y/min", "y/max")
}
)");
}

TEST(Import, LegacyBroadcastGetsItsAxesByRank) {
  // The rank of the sum's first input follows from Conv's, which the file does not declare.
  EXPECT_EQ(
      imported(
          "g (float[1, 3, 8, 8] x) => (y) <float[4, 3, 1, 1] w = {0,0,0,0,0,0,0,0,0,0,0,0}, float[4] b = {1, 2, 3, 4}> "
          "{ c = Relu <consumed_inputs = [0]> (x) y = Add <axis = 1, broadcast = 1> (c, b) z = Relu(w) }",
          1),
      R"(g (float[1, 3, 8, 8] x) => (y)
<float[4, 3, 1, 1] w = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
 float[4] b = {1, 2, 3, 4},
 int64[2] "y/axes" = {1, 2}>
{
   c = Relu (x)
   "y/Unsqueeze" = Unsqueeze (b, "y/axes")
   y = Add (c, "y/Unsqueeze")
   z = Relu (w)
}
)");
}

TEST(Import, SoftmaxOfAMatrixStaysOfOthersIsFlattened) {
  EXPECT_EQ(imported("g (float[2, 3] x) => (y) { y = Softmax(x) }", 9),
            "g (float[2, 3] x) => (y) {\n   y = Softmax <axis = 1> (x)\n}\n");
  EXPECT_EQ(imported("g (float[2, 3, 1, 1] x) => (y) { y = Softmax(x) }", 9),
            "g (float[2, 3, 1, 1] x) => (y) {\n   y = Softmax <axis = 1> (x)\n}\n");
  EXPECT_EQ(imported("g (float[2, 3, 4] x) => (y) { y = Softmax(x) }", 9), R"(g (float[2, 3, 4] x) => (y) {
   "y/Shape" = Shape (x)
   "y/Flatten" = Flatten <axis = 1> (x)
   "y/Softmax" = Softmax <axis = 1> ("y/Flatten")
   y = Reshape ("y/Softmax", "y/Shape")
}
)");
}

TEST(Import, UpsampleBecomesResize) {
  EXPECT_EQ(imported("g (float[1, 1, 2, 2] x) => (y) { y = Upsample <scales = [1.0, 1.0, 2.0, 2.0]> (x) }", 7),
            R"(g (float[1, 1, 2, 2] x) => (y)
<float[4] "y/scales" = {1, 1, 2, 2}>
{
   y = Resize <coordinate_transformation_mode = "asymmetric", mode = "nearest", nearest_mode = "floor"> (x, "", "y/scales")
}
)");
}

TEST(Import, ConstantsOfEveryKindBecomeConstants) {
  EXPECT_EQ(
      imported(R"(g () => (a, b, c, d, e) { a = Constant <value = float[2] {1, 2}> () b = Constant <value_int = 3> ()
      c = Constant <value_floats = [1.0]> () d = Constant <value_strings = ["x"]> () e = Constant <value_float = 2.5> () })",
               21),
      R"(g () => (float[2] a, int64 b, float[1] c, string[1] d, float e)
<float[2] a = {1, 2},
 int64 b = {3},
 float[1] c = {1},
 string[1] d = {"x"},
 float e = {2.5}>
{
}
)");
}

TEST(Import, SubgraphsAreConvertedWithTheOuterTypes) {
  const std::string text = imported(R"(g (bool c, float[2, 3, 4] x) => (y) {
      h = Relu(x)
      y = If (c) <then_branch = t () => (a) { a = Softmax <axis = 2> (h) }, else_branch = e () => (b) { b = Neg(h) }> })",
                                    9);
  EXPECT_NE(text.find("a = Softmax <axis = 2> (h)"), std::string::npos) << text;
}

TEST(Import, FunctionsAreInlinedWithTheirAttributes) {
  EXPECT_EQ(imported("g (float[2] x) => (float[2] y) { t = local.f <alpha = 2.0> (x) y = local.f(t) }", 17,
                     R"(<domain: "local", opset_import: ["" : 17, "local" : 1]>
      f <alpha : float = 0.5> (a) => (b) { c = local.h(a) b = Elu <alpha : float = @alpha> (c) }
      <domain: "local", opset_import: ["" : 9]> h (a) => (b) { b = Pad <pads = [0, 0]> (a) })"),
            R"(g (float[2] x) => (float[2] y)
<int64[2] "b/pads" = {0, 0},
 int64[2] "b/pads_1" = {0, 0}>
{
   b_1 = Pad (x, "b/pads")
   b = Elu <alpha = 2.0> (b_1)
   b_1_1 = Pad (b, "b/pads_1")
   y = Elu <alpha = 0.5> (b_1_1)
}
)");
}

TEST(Import, InlinedSubgraphsSeeTheCallersValues) {
  const std::string text = imported("g (bool p, float[2] x, float[2] z) => (y) { w = Neg(z) y = local.f(p, w) }", 17,
                                    R"(<domain: "local", opset_import: ["" : 17]>
      f (c, a) => (b) { d = Relu(a) b = If (c) <then_branch = t () => (q) { q = Add(a, d) }, else_branch = e () => (q) { q = Neg(d) }> })");
  EXPECT_NE(text.find("q = Add (w, d)"), std::string::npos) << text;
}

TEST(Import, WhatHasNoOutputWithANameIsDropped) {
  constexpr const char* kLeft = "g (float[2, 3] x) => (y) {\n   y = Neg (x)\n}\n";
  EXPECT_EQ(imported("g (float[2, 3] x) => (y) { \"\" = Relu (x)  y = Neg (x) }", kNewestOpset), kLeft);
  EXPECT_EQ(imported("g (float[2, 3] x) => (y) { \"\" = Softmax (x)  y = Neg (x) }", 12), kLeft);  // is converted

  auto model = parse_model("<opset_import: [\"\" : 12]> g (float[2, 3] x) => (y) { s = Softmax (x)  y = Neg (x) }");
  ASSERT_TRUE(model.ok()) << model.error().message();
  model->graph.drop_outputs(model->graph.nodes()[0], 0);
  ASSERT_TRUE(to_normal_form(*model).ok());
  EXPECT_EQ(print(model->graph, {.types = false}), kLeft);
}

TEST(Import, Declines) {
  EXPECT_NE(imported("g (float[2] x) => (y) { y = local.f(x) }", 17,
                     R"(<domain: "local", opset_import: ["" : 17]> f (a) => (b) { b = local.h(a) }
      <domain: "local", opset_import: ["" : 17]> h (a) => (b) { b = local.f(a) })")
                .find("node 'y' (local.f): node 'b' (local.h): node 'b' (local.f): the function 'f' calls itself"),
            std::string::npos);
  EXPECT_NE(
      imported("g (float[2] x) => (y) { y = Neg(x) }", kNewestOpset + 1).find("version 29 of the operator set ai.onnx"),
      std::string::npos);
  EXPECT_NE(imported("g (float[2] x) => (y) { y = Unsqueeze <axes = \"no\"> (x) }", 11)
                .find("node 'y' (Unsqueeze): attribute 'axes'"),
            std::string::npos);
}

}  // namespace
}  // namespace cycloid::onnx
