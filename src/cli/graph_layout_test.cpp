#include "cli/graph_layout.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "graph/text.h"

namespace cycloid {
namespace {

DrawnGraph drawn(std::string_view text) { return draw(parse_graph(text).value()); }

TEST(GraphLayout, EveryLineGoesDown) {
  const DrawnGraph graph = drawn(R"(g (float[2] a, float[2] b) => (float[2] y, float[2] z) <float k = {1}> {
    s = Add(a, b)
    t = Mul(s, k)
    u = Neg(s)
    y = Sub(t, u)
    z = Add(y, a)
  })");
  EXPECT_EQ(graph.boxes.size(), 2U + 5U + 2U);
  for (const DrawnLine& line : graph.lines) EXPECT_LT(graph.boxes[line.from].y, graph.boxes[line.to].y);
  EXPECT_TRUE(std::ranges::none_of(graph.boxes, [](const DrawnBox& box) { return box.label == "k"; }));
}

TEST(GraphLayout, BoxesDoNotOverlapAndAreWithin) {
  std::string text = "g (float[2] x) => (float[2] y) {\n";
  for (int i = 0; i < 40; ++i) text += "v" + std::to_string(i) + " = Relu(x)\n";
  text += "y = Sum(v0";
  for (int i = 1; i < 40; ++i) text += ", v" + std::to_string(i);
  const DrawnGraph graph = drawn(text + ")\n}");
  for (const DrawnBox& a : graph.boxes) {
    EXPECT_GE(a.x - a.width / 2, 0);
    EXPECT_LE(a.x + a.width / 2, graph.width);
    EXPECT_LE(a.y + DrawnGraph::kBoxHeight / 2, graph.height);
    for (const DrawnBox& b : graph.boxes) {
      if (&a == &b || a.layer != b.layer) continue;
      EXPECT_GE(std::abs(a.x - b.x), (a.width + b.width) / 2);
    }
  }
}

TEST(GraphLayout, CapturesAreDrawnAndBodiesCounted) {
  const DrawnGraph graph = drawn(R"(g (float[2] x, bool c) => (float[2] y) {
    r = Relu(x)
    y = If<then_branch = t () => (float[2] u) { u = Neg(r) }, else_branch = e () => (float[2] v) { v = Abs(r) }>(c)
  })");
  const auto at = [&](std::string_view label) {
    return static_cast<std::size_t>(
        std::ranges::find(graph.boxes, label, [](const DrawnBox& box) { return std::string_view(box.label); }) -
        graph.boxes.begin());
  };
  ASSERT_LT(at("If (2 inside)"), graph.boxes.size());
  EXPECT_TRUE(std::ranges::any_of(
      graph.lines, [&](const DrawnLine& line) { return line.from == at("Relu") && line.to == at("If (2 inside)"); }));
}

TEST(GraphLayout, ALongLinePassesBesideTheBoxesBetween) {
  const DrawnGraph graph = drawn(R"(g (float[2] x) => (float[2] y) {
    a = Relu(x)
    b = Neg(a)
    c = Abs(b)
    d = Tanh(c)
    y = Add(d, a)
  })");
  std::size_t bends = 0;
  for (const DrawnLine& line : graph.lines) {
    EXPECT_EQ(line.bends.size(), graph.boxes[line.to].layer - graph.boxes[line.from].layer - 1);
    for (std::size_t i = 0; i < line.bends.size(); ++i, ++bends) {
      for (const DrawnBox& box : graph.boxes) {
        if (box.layer != graph.boxes[line.from].layer + 1 + i) continue;
        EXPECT_GT(std::abs(box.x - line.bends[i]), box.width / 2);
      }
    }
  }
  EXPECT_EQ(bends, 3U);
}

TEST(GraphLayout, WhatConstantsMakeIsAboveWhatNeedsIt) {
  const DrawnGraph graph = drawn(R"(g (float[2] x) => (float[2] y) <int64[1] s = {2}> {
    k = ConstantOfShape(s)
    m = Neg(k)
    a = Relu(x)
    b = Abs(a)
    c = Exp(b)
    y = Add(c, m)
  })");
  const auto layer = [&](std::string_view label) {
    return std::ranges::find(graph.boxes, label, &DrawnBox::label)->layer;
  };
  EXPECT_EQ(layer("Neg") + 1, layer("Add"));
  EXPECT_EQ(layer("ConstantOfShape") + 2, layer("Add"));
}

TEST(GraphLayout, AnEmptyGraphIsEmpty) {
  const DrawnGraph graph = draw(Graph("g"));
  EXPECT_TRUE(graph.boxes.empty());
  EXPECT_GT(graph.height, 0);
}

}  // namespace
}  // namespace cycloid
