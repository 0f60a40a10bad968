#include "ops/sample_inputs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "graph/text.h"

namespace cycloid {
namespace {

std::vector<Datum> sample(std::string_view text, SampleKind kind, std::int64_t size = 2, std::int64_t inner = 3) {
  auto inputs = sample_inputs(parse_graph(text).value(), kind, size, inner, 5);
  EXPECT_TRUE(inputs.ok()) << (inputs.ok() ? "" : inputs.error().message());
  return inputs.ok() ? *std::move(inputs) : std::vector<Datum>{};
}

TEST(SampleInputs, ASymbolIsOneSizeEverywhere) {
  const auto inputs = sample("g (float[n, m] a, float[m, 4] b, float[n, \"2*m\"] c) => () { }", SampleKind::kNormal);
  EXPECT_EQ(inputs[0].tensor()->dims(), (Dims{2, 3}));
  EXPECT_EQ(inputs[1].tensor()->dims(), (Dims{3, 4}));
  EXPECT_EQ(inputs[2].tensor()->dims(), (Dims{2, 6}));
}

TEST(SampleInputs, OneSizeMayBeLongAlone) {
  const Graph graph = parse_graph("g (float[n, t] x, float[2, ?, 8] state) => () { }").value();
  EXPECT_EQ(inner_symbols(graph), (std::vector<std::string>{"t", "state 1"}));
  const auto inputs = sample_inputs(graph, SampleKind::kNormal, 1, 64, 5, "t");
  ASSERT_TRUE(inputs.ok());
  EXPECT_EQ((*inputs)[0].tensor()->dims(), (Dims{1, 64}));
  EXPECT_EQ((*inputs)[1].tensor()->dims(), (Dims{2, 1, 8}));
}

TEST(SampleInputs, AScalarIsOneOfWhatItIsComparedWith) {
  const std::string_view text =
      "g (int64 rate, int64[4] ids) => (bool b, bool[4] m) <int64 k = {16000}, int64 pad = {7}> { c = Identity(rate) b "
      "= Equal(k, c) "
      "m = Equal(ids, pad) }";
  const auto inputs = sample(text, SampleKind::kNormal);
  EXPECT_EQ(inputs[0].tensor()->data<std::int64_t>()[0], 16000);
  for (const std::int64_t id : inputs[1].tensor()->data<std::int64_t>()) EXPECT_NE(id, 7);
}

TEST(SampleInputs, NormalValuesAreOfBothSigns) {
  const auto inputs = sample("g (float[1000] a) => () { }", SampleKind::kNormal);
  const auto data = inputs[0].tensor()->data<float>();
  double mean = 0;
  double square = 0;
  for (const float x : data) {
    mean += x / 1000.0;
    square += x * x / 1000.0;
  }
  // Five standard deviations of the mean (1/sqrt(1000)) and of the mean square (sqrt(2/1000)).
  EXPECT_NEAR(mean, 0, 5 * std::sqrt(1.0 / 1000));
  EXPECT_NEAR(square, 1, 5 * std::sqrt(2.0 / 1000));
}

TEST(SampleInputs, SpecialValuesAreAmongTheSpecial) {
  const auto inputs = sample("g (float[1000] a) => () { }", SampleKind::kSpecial);
  const auto data = inputs[0].tensor()->data<float>();
  EXPECT_TRUE(std::ranges::any_of(data, [](float x) { return std::isnan(x); }));
  EXPECT_TRUE(std::ranges::any_of(data, [](float x) { return std::isinf(x) && x < 0; }));
  EXPECT_TRUE(std::ranges::any_of(data, [](float x) { return x == 0 && std::signbit(x); }));
  EXPECT_TRUE(std::ranges::any_of(data, [](float x) { return std::isnormal(x); }));
}

TEST(SampleInputs, IndicesStayWithinWhatTheyIndex) {
  const auto inputs =
      sample("g (int64[1000] i, int64[1000] k) => (float[1000] y) <float[3] t = {1, 2, 3}> { y = Gather(t, i) }",
             SampleKind::kSpecial);
  for (const std::int64_t i : inputs[0].tensor()->data<std::int64_t>()) EXPECT_TRUE(i >= 0 && i < 3);
  EXPECT_TRUE(
      std::ranges::any_of(inputs[1].tensor()->data<std::int64_t>(), [](std::int64_t i) { return i == INT64_MIN; }));
}

TEST(SampleInputs, SameSeedSameValues) {
  const auto a = sample("g (float[10] a, float16[10] b) => () { }", SampleKind::kSpecial);
  const auto b = sample("g (float[10] a, float16[10] b) => () { }", SampleKind::kSpecial);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(identical(*a[i].tensor(), *b[i].tensor()));
}

TEST(SampleInputs, WhatCannotBeDrawnIsNamed) {
  const auto inputs = sample_inputs(parse_graph("g (string[2] words) => () { }").value(), SampleKind::kNormal, 1, 1, 0);
  ASSERT_FALSE(inputs.ok());
  EXPECT_NE(inputs.error().message().find("words"), std::string::npos);
}

}  // namespace
}  // namespace cycloid
