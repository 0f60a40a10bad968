#include "graph/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "graph/splice.h"
#include "graph/text.h"

namespace cycloid {
namespace {

Graph parsed(std::string_view text) {
  auto graph = parse_graph(text);
  EXPECT_TRUE(graph.ok()) << (graph.ok() ? "" : graph.error().message());
  return *std::move(graph);
}

ValueId value_of(const Graph& graph, std::string_view name) { return graph.find_value(name).value(); }

NodeId producer_of(const Graph& graph, std::string_view name) { return graph.value(value_of(graph, name)).producer; }

std::string without_types(const Graph& graph) { return print(graph, {.types = false}); }

constexpr std::string_view kNested = R"(
g (bool c, float[2] x, float[2] z) => (y)
{
  h = Relu(x)
  y = If (c) <
    then_branch = t () => (a) {
      a = If (c) <then_branch = tt () => (b) { b = Neg(h) }, else_branch = te () => (b) { b = Add(h, z) }>
    },
    else_branch = e () => (a) { a = Abs(z) }>
})";

TEST(Graph, UsesNameEveryUserOnceAndSubgraphsAsCapture) {
  const Graph graph = parsed(kNested);
  const NodeId branch = producer_of(graph, "y");
  EXPECT_EQ(graph.value(value_of(graph, "h")).uses, (std::vector<Use>{{branch, Use::kCaptured}}));
  EXPECT_EQ(graph.value(value_of(graph, "c")).uses, (std::vector<Use>{{branch, 0}, {branch, Use::kCaptured}}));
  EXPECT_EQ(graph.value(value_of(graph, "z")).uses, (std::vector<Use>{{branch, Use::kCaptured}}));
  EXPECT_TRUE(verify(graph).ok());
}

TEST(Graph, ReplaceUsesReachesNestedSubgraphs) {
  Graph graph = parsed(kNested);
  graph.replace_uses(value_of(graph, "h"), value_of(graph, "x"));
  ASSERT_TRUE(verify(graph).ok()) << verify(graph).error().message();
  EXPECT_TRUE(graph.is_dead(value_of(graph, "h")));
  const std::string text = without_types(graph);
  EXPECT_NE(text.find("b = Neg (x)"), std::string::npos) << text;
  EXPECT_NE(text.find("b = Add (x, z)"), std::string::npos) << text;
}

TEST(Graph, ReplaceUsesByAValueThatIsCapturedAlreadyLeavesOneCapture) {
  Graph graph = parsed(kNested);
  graph.replace_uses(value_of(graph, "h"), value_of(graph, "z"));
  ASSERT_TRUE(verify(graph).ok()) << verify(graph).error().message();
  const GraphPtr branch = get_graph(graph.node(producer_of(graph, "y")), "then_branch").value();
  EXPECT_EQ(branch->captures().size(), 2U);  // c and z
  EXPECT_NE(without_types(graph).find("b = Add (z, z)"), std::string::npos) << without_types(graph);
}

TEST(Graph, ReplaceUsesReachesGraphOutputs) {
  Graph graph = parsed("g (float x) => (y, y2) { y = Neg(x) y2 = Abs(y) }");
  graph.replace_uses(value_of(graph, "y"), value_of(graph, "x"));
  EXPECT_EQ(graph.outputs()[0], value_of(graph, "x"));
  EXPECT_TRUE(graph.is_dead(value_of(graph, "y")));
  EXPECT_TRUE(verify(graph).ok());
}

TEST(Graph, RemoveDeadKeepsWhatSubgraphsNeed) {
  Graph graph = parsed(R"(
g (bool c, float[2] x) => (y)
<float[2] w = {1, 2}, float[2] unused = {1, 2}>
{
  h = Relu(x)
  d = Neg(h)
  e = Abs(d)
  y = If (c) <then_branch = t () => (a) { a = Add(h, w) }, else_branch = f () => (w) {}>
})");
  EXPECT_EQ(graph.remove_dead(), 2U);  // e, and then d
  EXPECT_TRUE(verify(graph).ok());
  EXPECT_FALSE(graph.find_value("d"));
  EXPECT_FALSE(graph.find_value("unused"));
  EXPECT_TRUE(graph.find_value("h"));
  EXPECT_TRUE(graph.find_value("w"));
}

TEST(Graph, SortRestoresTheOrderAndFindsCycles) {
  Graph graph = parsed("g (float x) => (c) { a = Neg(x) b = Abs(x) c = Add(a, b) }");
  const NodeId a = producer_of(graph, "a");
  graph.set_input(a, 0, value_of(graph, "b"));
  EXPECT_FALSE(verify(graph).ok());
  ASSERT_TRUE(graph.sort().ok());
  EXPECT_TRUE(verify(graph).ok());
  EXPECT_EQ(graph.nodes()[0], producer_of(graph, "b"));
  graph.set_input(producer_of(graph, "b"), 0, value_of(graph, "c"));
  const Status status = graph.sort();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message().find("cycle"), std::string::npos);
}

TEST(Graph, SortCountsCaptures) {
  Graph graph = parsed(kNested);
  const NodeId late = graph.add_node({"", "", "Neg", {value_of(graph, "x")}, {}, {}, ""}, {{"late", {}}});
  graph.replace_uses(value_of(graph, "h"), graph.node(late).outputs[0]);
  EXPECT_FALSE(verify(graph).ok());
  ASSERT_TRUE(graph.sort().ok());
  EXPECT_TRUE(verify(graph).ok());
}

TEST(Graph, SetInputsReplacesUses) {
  Graph graph = parsed("g (float x, float z) => (y) { y = Clip(x, z) }");
  const NodeId node = producer_of(graph, "y");
  graph.set_inputs(node, {value_of(graph, "z"), ValueId{}, value_of(graph, "z")});
  EXPECT_TRUE(verify(graph).ok());
  EXPECT_TRUE(graph.is_dead(value_of(graph, "x")));
  EXPECT_EQ(graph.value(value_of(graph, "z")).uses, (std::vector<Use>{{node, 0}, {node, 2}}));
}

TEST(Graph, DropOutputsForgetsTheirNames) {
  Graph graph = parsed("g (float x) => (y) { y, mean, var = BatchNormalization(x) }");
  graph.drop_outputs(producer_of(graph, "y"), 1);
  EXPECT_TRUE(verify(graph).ok());
  EXPECT_FALSE(graph.find_value("mean"));
  EXPECT_EQ(without_types(graph), "g (float x) => (y) {\n   y = BatchNormalization (x)\n}\n");
}

TEST(Graph, NamesStayUnique) {
  Graph graph = parsed("g (float x) => (y) { y = Neg(x) }");
  const ValueId other = graph.add_constant("y", Tensor::scalar(1.0F));
  EXPECT_EQ(graph.value(other).name, "y_1");
  graph.rename(other, "y");
  EXPECT_EQ(graph.value(other).name, "y");
  EXPECT_NE(graph.value(graph.outputs()[0]).name, "y");
  EXPECT_TRUE(verify(graph).ok());
}

TEST(Graph, CopiesDoNotShareSubgraphChanges) {
  Graph graph = parsed(kNested);
  const std::string before = print(graph);
  Graph copy = graph;
  copy.replace_uses(value_of(copy, "h"), value_of(copy, "x"));
  EXPECT_EQ(print(graph), before);
  EXPECT_NE(print(copy), before);
}

TEST(Splice, RemapsCapturesAllAtOnce) {
  // In `body` the captured values have the numbers that the arguments have in `graph`, the other way round.
  const Graph body = parsed(
      "f (float a, float b, bool c) => (y) { y = If (c) <then_branch = t () => (r) { r = Sub(a, b) }, else_branch = e "
      "() => (r) { r = Neg(a) }> }");
  Graph graph = parsed("g (float p, float q, bool c) => (out) { out = Add(p, q) }");
  const ValueId arguments[] = {value_of(graph, "q"), value_of(graph, "p"), value_of(graph, "c")};
  const auto results = splice(graph, body, arguments, graph.nodes()[0]);
  ASSERT_TRUE(results.ok());
  take_over(graph, value_of(graph, "out"), results->at(0));
  graph.remove_dead();
  ASSERT_TRUE(verify(graph).ok()) << verify(graph).error().message();
  const std::string text = without_types(graph);
  EXPECT_NE(text.find("out = If (c)"), std::string::npos) << text;
  EXPECT_NE(text.find("r = Sub (q, p)"), std::string::npos) << text;
}

TEST(Splice, TakeOverKeepsOutputNamesByAnIdentityWhereItMust) {
  Graph graph = parsed("g (float x) => (y) { y = Dropout(x) }");
  const ValueId old = value_of(graph, "y");
  take_over(graph, old, value_of(graph, "x"));
  graph.remove_dead();
  EXPECT_TRUE(verify(graph).ok());
  EXPECT_EQ(without_types(graph), "g (float x) => (y) {\n   y = Identity (x)\n}\n");
}

}  // namespace
}  // namespace cycloid
