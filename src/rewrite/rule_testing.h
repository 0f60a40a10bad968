// What the tests of rules share. A rule's test says, on graphs written as text: where it fires and what it leaves, where
// it must not fire, and (always) that the outputs stay the same on random inputs and on special values.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iterator>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <string_view>

#include "graph/text.h"
#include "ops/op.h"
#include "rewrite/comparison.h"
#include "rewrite/conditioning.h"
#include "rewrite/driver.h"

namespace cycloid::testing {

inline ModelIr parse_typed(std::string_view text) {
  auto model = parse_model(text);
  EXPECT_TRUE(model.ok()) << (model.ok() ? "" : model.error().message());
  if (!model) return {};
  const Status status = infer_types(*model);
  EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().message());
  return *std::move(model);
}

// Inputs for the model with every symbolic size `size`: floats from a normal distribution, integers in [0, 2).
inline std::vector<Datum> random_inputs(const ModelIr& model, std::int64_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Datum> inputs;
  for (const ValueId id : model.graph.inputs()) {
    const ValueType& type = model.graph.value(id).type;
    Dims dims;
    for (const Dim& dim : type.shape.value_or(Shape{})) dims.push_back(dim.known().value_or(size));
    Tensor tensor = Tensor::zeros(type.dtype, dims).value();
    const bool known = dispatch<float, double, std::int32_t, std::int64_t, bool>(type.dtype, [&]<class T>(T) {
      std::normal_distribution<double> normal;
      for (T& element : tensor.mutable_data<T>()) {
        if constexpr (std::is_floating_point_v<T>) {
          element = static_cast<T>(normal(random));
        } else {
          element = static_cast<T>(random() % 2);
        }
      }
    });
    EXPECT_TRUE(known) << "no random inputs of type " << to_string(type.dtype);
    inputs.emplace_back(std::move(tensor));
  }
  return inputs;
}

// The same with a third of the floats replaced by special ones: NaN, infinities, zeros of both signs, the largest and the
// smallest number.
inline std::vector<Datum> special_inputs(const ModelIr& model, std::int64_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Datum> inputs = random_inputs(model, size, seed);
  for (Datum& input : inputs) {
    Tensor tensor = *input.tensor();
    dispatch<float, double>(tensor.dtype(), [&]<class T>(T) {
      using Limits = std::numeric_limits<T>;
      const T special[] = {Limits::quiet_NaN(), Limits::infinity(),  -Limits::infinity(), T{0}, -T{0},
                           Limits::max(),       Limits::denorm_min()};
      for (T& element : tensor.mutable_data<T>()) {
        if (random() % 3 == 0) element = special[random() % std::size(special)];
      }
    });
    input = std::move(tensor);
  }
  return inputs;
}

// The graph printed with intermediate values renamed in order, so that only structure counts.
inline std::string canonical(const ModelIr& model) {
  Graph graph = model.graph;
  graph.set_name("g");
  int next = 0;
  const auto rename = [&](ValueId id) {
    if (id.valid() && !graph.is_output(id)) graph.rename(id, "%" + std::to_string(next++));
  };
  for (const ValueId id : graph.inputs()) graph.set_type(id, {});
  for (const NodeId id : std::vector<NodeId>(graph.nodes().begin(), graph.nodes().end())) {
    const Node& node = graph.node(id);
    for (const ValueId input : node.inputs) {
      if (graph.constant(input) != nullptr && graph.value(input).name[0] != '%') rename(input);
    }
    for (const ValueId output : node.outputs) rename(output);
  }
  for (const ValueId id : graph.outputs()) graph.set_type(id, {});
  return print(graph, {.types = false});
}

// Both models give the same outputs, or both none, on these inputs.
inline void expect_same(const ModelIr& before, const ModelIr& after, const std::vector<Datum>& inputs, bool exact) {
  const auto expected = evaluate(before, inputs);
  const auto actual = evaluate(after, inputs);
  ASSERT_EQ(expected.ok(), actual.ok()) << (expected ? actual.error().message() : expected.error().message());
  if (!expected) return;
  for (std::size_t i = 0; i < expected->size(); ++i) {
    const Difference difference = compare((*expected)[i], (*actual)[i], exact);
    if (difference.same || (!exact && explained_by_rounding(before, inputs, *expected, *actual))) continue;
    ADD_FAILURE() << "output " << i << " differs by " << difference.max_abs;
  }
}

// The numeric test of every change: on random inputs, where `finite_only` is not set on special ones too. Of these sizes
// those that the model takes.
inline void expect_same_numbers(const Rule& rule, const ModelIr& before, const ModelIr& after,
                                std::initializer_list<std::int64_t> sizes, bool finite_only) {
  for (const std::int64_t size : sizes) {
    const auto seed = static_cast<unsigned>(size);
    const auto inputs = random_inputs(before, size, seed);
    if (!evaluate(before, inputs)) continue;
    SCOPED_TRACE(fmt::format("at size {}", size));
    expect_same(before, after, inputs, rule.exact);
    if (finite_only) continue;
    SCOPED_TRACE("with special values");
    expect_same(before, after, special_inputs(before, size, seed), rule.exact);
  }
}

inline Optimized apply_alone(const Rule& rule, const ModelIr& model, std::int64_t size) {
  OptimizeOptions options;
  options.only = {std::string(rule.name)};
  options.samples = {random_inputs(model, size, 1)};
  options.verify_graph = true;
  auto result = optimize(model, options);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message());
  return result.ok() ? *std::move(result) : Optimized{};
}

// The rule alone turns `before` into `after` (up to the names of values made on the way), and the outputs on seeded
// random inputs and special values do not change. Symbolic sizes are run as 1, 2 and 5.
inline void expect_rewrites(const Rule& rule, std::string_view before, std::string_view after) {
  const ModelIr model = parse_typed(before);
  const Optimized optimized = apply_alone(rule, model, 2);
  for (const RuleRefusal& refusal : optimized.ledger.refusals) ADD_FAILURE() << refusal.node << ": " << refusal.reason;
  EXPECT_FALSE(optimized.ledger.applications.empty()) << rule.name << " does not fire";
  EXPECT_EQ(canonical(optimized.model), canonical(parse_typed(after)));
  expect_same_numbers(rule, model, optimized.model, {1, 2, 5}, false);
}

// The operators of the main graph in order: "MatMul Relu".
inline std::string operators(const ModelIr& model) {
  std::string names;
  for (const NodeId id : model.graph.nodes()) names += (names.empty() ? "" : " ") + model.graph.node(id).op_type;
  return names;
}

// The rule alone leaves these operators, and the same outputs on seeded random inputs with symbolic sizes 0, 1, 2 and 5
// (those that the model takes).
inline Optimized expect_becomes(const Rule& rule, std::string_view text, std::string_view expected_operators,
                                const OptimizeOptions& base = {}) {
  const ModelIr model = parse_typed(text);
  OptimizeOptions options = base;
  options.only = {std::string(rule.name)};
  options.samples = {random_inputs(model, 3, 1)};
  options.verify_graph = true;
  auto optimized = optimize(model, options);
  EXPECT_TRUE(optimized.ok()) << (optimized.ok() ? "" : optimized.error().message());
  if (!optimized) return {};
  for (const RuleRefusal& refusal : optimized->ledger.refusals) {
    ADD_FAILURE() << refusal.node << ": " << refusal.reason;
  }
  EXPECT_EQ(operators(optimized->model), expected_operators) << print(optimized->model);
  expect_same_numbers(rule, model, optimized->model, {0, 1, 2, 5}, base.assume_finite);
  return *std::move(optimized);
}

// The rule changes nothing in `text`.
inline void expect_declines(const Rule& rule, std::string_view text) {
  const Optimized optimized = apply_alone(rule, parse_typed(text), 2);
  EXPECT_TRUE(optimized.ledger.applications.empty()) << rule.name << " fires:\n" << print(optimized.model);
}

// The rule applies once, and gives the same for -0, infinities, NaN, a denormal and nearly the largest number, as the one
// input float[2,3].
inline void expect_same_on_special_values(const Rule& rule, const std::string& text) {
  const ModelIr model = parse_typed(text);
  const Optimized optimized = apply_alone(rule, model, 2);
  EXPECT_EQ(optimized.ledger.applications.size(), 1U);
  const float infinity = std::numeric_limits<float>::infinity();
  const auto x =
      Tensor::of<float>({2, 3}, {-0.0F, infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), 1e-40F, 3e38F});
  expect_same(model, optimized.model, {x}, false);
}

}  // namespace cycloid::testing
