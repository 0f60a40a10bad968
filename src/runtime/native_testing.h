// Models of float32 as text, run by kernels and by the reference evaluation, their weights as constants and as inputs. The tolerance
// follows from the longest sum.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "graph/text.h"
#include "ops/op.h"
#include "runtime/native_sessions.h"

namespace cycloid::native {

struct Case {
  const char* name;
  const char* text;      // inputs of fixed shape; constants without values are drawn
  std::int64_t terms;    // the longest sum
  int reference = 0;     // steps that may run by the reference evaluation
  int conversions = -1;  // steps that only move elements; -1: any number
};

inline void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

inline Tensor random_tensor(const Dims& dims, std::mt19937& random) {
  Tensor tensor = Tensor::zeros(DType::kFloat32, dims).value();
  std::uniform_real_distribution<float> draw(-1, 1);
  for (float& x : tensor.mutable_data<float>()) x = draw(random);
  return tensor;
}

// All inputs but x become constants with random elements where `constants`; the rest stay inputs.
inline Result<ModelIr> model_of(const Case& c, bool constants, std::mt19937& random) {
  ModelIr model = parse_model(c.text).value();
  Graph& graph = model.graph;
  const std::vector<ValueId> inputs(graph.inputs().begin(), graph.inputs().end());
  for (const ValueId id : inputs) {
    const std::string name = graph.value(id).name;
    if (!constants || name == "x" || name == "a" || name == "z") continue;
    const ValueId constant =
        graph.add_constant("constant", random_tensor(*known_dims(*graph.value(id).type.shape), random));
    graph.replace_uses(id, constant);
    graph.erase_value(id);
  }
  CYCLOID_TRY(infer_types(model));
  return model;
}

using Outputs = std::vector<std::vector<float>>;

inline Outputs floats_of(const std::vector<AnyValue>& values) {
  Outputs outputs;
  for (const AnyValue& value : values) {
    const TensorView view = value.tensor();
    const std::span<const float> data = view.elements<float>();
    outputs.emplace_back(data.begin(), data.end());
  }
  return outputs;
}

inline bool same_bits(const Outputs& a, const Outputs& b) {
  return std::ranges::equal(a, b, [](const std::vector<float>& x, const std::vector<float>& y) {
    return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0;
  });
}

// The native engine and the reference evaluation, for each instruction set and one and two threads.
inline void expect_agreement(const Case& c) {
  for (const bool constants : {true, false}) {
    std::mt19937 random(7);
    Result<ModelIr> ir = model_of(c, constants, random);
    ASSERT_TRUE(ir.ok()) << ir.error().message();
    const Model model(std::make_shared<const ModelIr>(*std::move(ir)));
    std::vector<Tensor> inputs;
    for (const ValueInfo& info : model.inputs()) inputs.push_back(random_tensor(info.shape, random));
    const Outputs expected = floats_of(run_by_reference(model, inputs));
    for_each_session(model, {1, 2}, [&](const Session& session, const PlanInfo& plan) {
      if (constants) {
        EXPECT_LE(plan.reference_steps, c.reference);
        if (c.conversions >= 0) EXPECT_EQ(plan.conversions, c.conversions);
      }
      const Outputs actual = floats_of(run_session(session, inputs));
      ASSERT_EQ(actual.size(), expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_EQ(actual[i].size(), expected[i].size());
        float largest = 0, worst = 0;
        for (std::size_t k = 0; k < expected[i].size(); ++k) {
          largest = std::max(largest, std::fabs(expected[i][k]));
          worst = std::max(worst, std::fabs(actual[i][k] - expected[i][k]));
          ASSERT_FALSE(std::isnan(actual[i][k]) != std::isnan(expected[i][k])) << "output " << i << " element " << k;
        }
        // Two sums of n terms in different orders differ by about sqrt(n) roundings of the largest partial sum; functions of them (exp, log, a
        // Winograd transform) lose some bits more: 32 of each.
        const float tolerance = 32 * std::sqrt(static_cast<float>(c.terms)) * std::numeric_limits<float>::epsilon() *
                                std::max(largest, 1e-3f);
        EXPECT_LE(worst, tolerance) << "output " << i;
      }
      EXPECT_TRUE(same_bits(floats_of(run_session(session, inputs)), actual)) << "the same bits in every run";
    });
  }
}

}  // namespace cycloid::native
