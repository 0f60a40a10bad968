#include "graph/text.h"

#include <gtest/gtest.h>

namespace cycloid {
namespace {

std::string round_trip(std::string_view text) {
  const auto model = parse_model(text);
  EXPECT_TRUE(model.ok()) << (model.ok() ? "" : model.error().message());
  if (!model) return "";
  EXPECT_TRUE(verify(model->graph).ok());
  const std::string once = print(*model);
  const auto again = parse_model(once);
  EXPECT_TRUE(again.ok()) << (again.ok() ? "" : again.error().message()) << "\n" << once;
  if (!again) return once;
  EXPECT_EQ(print(*again), once);
  return once;
}

TEST(Text, PrintsWhatItParses) {
  const std::string text = round_trip(R"(
<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1], producer_name: "a \"test\"", metadata_props: ["k": "v"]>
agraph (float[N, 128] x, bfloat16[] "odd name", float float) => (float[N, 2] y, z)
<float[2] b = {1, -0.5}  # comment
 , float[N, "2*N + 1", ?] t>
{
  [mm] t, "" = com.microsoft.Thing <axis = -1, alpha = 1.0, s = "q\\", axes : ints = [], fs = [1.0, 2]> (x, , "odd name")
  y = Add(t, b)
  z = Cast <to = 1, value = int64[2] {1, 2}, ty : type_proto = seq(map(string, float[]))> (float)
})");
  EXPECT_EQ(text, R"(<
   ir_version: 10,
   opset_import: ["" : 21, "com.microsoft" : 1],
   producer_name: "a \"test\"",
   metadata_props: ["k": "v"]
>
agraph (float[N, 128] x, bfloat16[] "odd name", float float) => (float[N, 2] y, z)
<float[2] b = {1, -0.5},
 float[N, "2*N + 1", ?] t>
{
   [mm] t, "" = com.microsoft.Thing <alpha = 1.0, axes : ints = [], axis = -1, fs = [1.0, 2.0], s = "q\\"> (x, "", "odd name")
   y = Add (t, b)
   z = Cast <to = 1, ty : type_proto = seq(map(string, float[])), value = int64[2] {1, 2}> (float)
}
)");
}

TEST(Text, SubgraphsCaptureByNameThroughSeveralLevels) {
  const std::string text = round_trip(R"(
g (bool c, float[2] x, float[2] unused) => (float[2] y)
{
  y = If (c) <
    then_branch = t () => (a) {
      a = If (c) < then_branch = tt () => (b) { b = Neg(x) }, else_branch = te () => (b) { b = Relu(x) } >
    },
    else_branch = e () => (x) {}
  >
})");
  const auto model = parse_model(text);
  ASSERT_TRUE(model.ok());
  const Graph& graph = model->graph;
  const Node& node = graph.node(graph.nodes()[0]);
  const GraphPtr then_branch = get_graph(node, "then_branch").value();
  ASSERT_EQ(then_branch->captures().size(), 2U);  // c and x, for the inner If
  const Node& inner = then_branch->node(then_branch->nodes()[0]);
  const GraphPtr innermost = get_graph(inner, "then_branch").value();
  ASSERT_EQ(innermost->captures().size(), 1U);
  const ValueId through = innermost->value(innermost->captures()[0]).outer;
  EXPECT_EQ(then_branch->value(through).kind, Value::Kind::kCapture);
  EXPECT_EQ(graph.value(then_branch->value(through).outer).name, "x");
  EXPECT_TRUE(graph.is_dead(*graph.find_value("unused")));
  EXPECT_FALSE(graph.is_dead(*graph.find_value("x")));
}

TEST(Text, EveryElementTypeRoundTrips) {
  round_trip(R"(g () => () <
    float[5] f = {nan, inf, -inf, 1e-45, 3.4028235e+38}, double d = {0.1}, float16[3] h = {1.5, 15360, -inf},
    bfloat16[1] bf = {-2.0}, int8[2] i8 = {-128, 127}, uint64[1] u = {18446744073709551615}, int64[1] i = {-9223372036854775808},
    bool[3] b = {true, 0, 1}, string[2] s = {"a\"\\", ""}, complex64[1] c = {1, -2}, int4[3] i4 = {-8, 7, 0}, uint4[1] u4 = {15},
    uint2[1] u2 = {3}, int2[1] i2 = {-2}, float8e4m3fn[1] f8 = {255}, float4e2m1[1] f4 = {15}, float[0, 3] e = {} > {})");
}

TEST(Text, FunctionsRoundTrip) {
  round_trip(R"(<ir_version: 10, opset_import: ["" : 21, "local" : 1]>
g (float[2] x) => (float[2] y) { y = local.f:o <alpha = 2.0> (x) }
<domain: "local", opset_import: ["" : 21], overload: "o">
f <alpha, beta : float = 0.5> (a) => (b) { c = LeakyRelu <alpha : float = @alpha> (a)  b = Elu <alpha : float = @beta> (c) })");
}

TEST(Text, ElidesLargeConstantsWhenAsked) {
  const auto model = parse_model("g () => (w) <float[3] w = {1, 2, 3}, float[2] v = {1, 2}> {}");
  ASSERT_TRUE(model.ok());
  const std::string text = print(model->graph, {.max_elements = 2});
  EXPECT_NE(text.find("float[3] w = {...}"), std::string::npos) << text;
  EXPECT_NE(text.find("float[2] v = {1, 2}"), std::string::npos) << text;
  const auto parsed = parse_graph(text);
  ASSERT_FALSE(parsed.ok());
  EXPECT_NE(parsed.error().message().find("elided"), std::string::npos);
}

TEST(Text, HeaderlessModelsAreOfTheNewestOpset) {
  const auto model = parse_model("g (float[2] x) => (y) { y = com.microsoft.Gelu(x) }");
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->opsets.at(""), kTextOpset);
  EXPECT_EQ(model->opsets.at("com.microsoft"), 1);
}

TEST(Text, ValuesThatWouldHideOthersGetNewNames) {
  // A rewrite may leave a subgraph with a value that is called as one outside.
  auto model = parse_model(
      "g (bool c, float[2] x) => (y) { y = If (c) <then_branch = t () => (b) { b = Neg(x) }, else_branch = e () => (b) "
      "{ b = Relu(x) }> }");
  ASSERT_TRUE(model.ok());
  Graph& graph = model->graph;
  graph.rename(*graph.find_value("x"), "b");
  const std::string text = round_trip(print(*model));
  EXPECT_NE(text.find("b_1 = Neg (b)"), std::string::npos) << text;
}

struct Failure {
  std::string_view text;
  std::string_view message;
};

class TextFails : public testing::TestWithParam<Failure> {};

TEST_P(TextFails, SaysWhereAndWhat) {
  const auto model = parse_model(GetParam().text);
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.error().message().find(GetParam().message), std::string::npos) << model.error().message();
}

INSTANTIATE_TEST_SUITE_P(
    Messages, TextFails,
    testing::Values(Failure{"", "line 1, column 1: expected the name of a graph"},
                    Failure{"g (float x) => (y)\n{ y = Neg(z) }",
                            "line 2, column 3: node 'y' (Neg) uses the value 'z', which nothing defines"},
                    Failure{"g () => (y) { y = Neg(x) x = Neg(y) }", "is part of a cycle"},
                    Failure{"g (float x) => (x) { x = Neg(x) }", "'x' is defined twice"},
                    Failure{"g () => (w) <float[2] w = {1}> {}", "1 elements before this do not fit the shape [2]"},
                    Failure{"g () => (w) <int8[1] w = {128}> {}", "no integer from -128 to 127"},
                    Failure{"g () => (w) <float[N] w = {1}> {}", "must be numbers"},
                    Failure{"g (float x) => (y) { y = Neg(x) <a = 1, a = 2> }", "given twice"},
                    Failure{"g (float x) => (y) { y = Neg(x) <a = []> }", "an empty list needs the type"},
                    Failure{"g (float x) => (y) { y = Neg(x) <a = [1, \"b\"]> }", "different kinds"},
                    Failure{"g (float x) => (y) { y = Neg(x", "expected ')', but the text ends"},
                    Failure{"g (floot x) => (y) {}", "expected ')'"},
                    Failure{"<ir_version: 10, opsets: []> g () => () {}", "a model has no 'opsets'"},
                    Failure{"g () => () {} trailing", "expected '('"}));

TEST(Text, DeepNestingIsAnError) {
  std::string text = "y = Neg(x)";
  for (int i = 0; i < 1000; ++i) text = "y = If (c) <then_branch = g () => (y) {" + text + "}>";
  const auto model = parse_model("g (bool c, float x) => (y) {" + text + "}");
  ASSERT_FALSE(model.ok());
  EXPECT_NE(model.error().message().find("nested too deep"), std::string::npos) << model.error().message();
}

}  // namespace
}  // namespace cycloid
