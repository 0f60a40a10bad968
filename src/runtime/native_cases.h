// Small models of any element types as text, run by kernels and by the reference evaluation: to the bit, or within a tolerance that
// the case gives.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "graph/text.h"
#include "ops/op.h"
#include "runtime/native_sessions.h"

namespace cycloid::native_cases {

using native::for_each_session;
using native::run_by_reference;
using native::run_session;

struct Case {
  const char* name;
  const char* text;  // float inputs are drawn from [-2, 2], integers from [0, below), bools are drawn
  std::int64_t below = 8;
  double tolerance = 0;  // relative to the output's largest element; 0: the same bits
  int reference = 0;     // steps that may run by the reference evaluation
};

inline void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

inline constexpr double kUlp = std::numeric_limits<float>::epsilon();
inline constexpr double kUlp64 = std::numeric_limits<double>::epsilon();

inline Tensor random_tensor(DType dtype, const Dims& dims, std::int64_t below, std::mt19937& random) {
  Tensor tensor = Tensor::zeros(dtype, dims).value();
  std::uniform_real_distribution<double> draw(-2, 2);
  dispatch<float, double>(dtype, [&]<class T>(T) {
    for (T& x : tensor.mutable_data<T>()) x = static_cast<T>(draw(random));
  });
  dispatch<std::int64_t, std::int32_t, std::uint8_t, bool>(dtype, [&]<class T>(T) {
    std::uniform_int_distribution<std::int64_t> whole(0, std::is_same_v<T, bool> ? 1 : below - 1);
    for (T& x : tensor.mutable_data<T>()) x = static_cast<T>(whole(random));
  });
  dispatch<Float16, BFloat16>(dtype, [&]<class T>(T) {
    for (T& x : tensor.mutable_data<T>())
      x = std::is_same_v<T, Float16> ? T{to_float16(static_cast<float>(draw(random))).bits}
                                     : T{to_bfloat16(static_cast<float>(draw(random))).bits};
  });
  return tensor;
}

// "W[8,3]" among a node's inputs stands for a small random constant of these dims.
inline std::string with_constants(std::string text, std::vector<Dims>& made) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool named = std::isupper(static_cast<unsigned char>(text[i])) != 0 && i + 1 < text.size() &&
                       text[i + 1] == '[' && (text[i - 1] == ' ');
    if (!named) {
      result += text[i];
      continue;
    }
    const std::size_t end = text.find(']', i);
    Dims dims;
    for (std::size_t at = i + 1; at < end; at = text.find(',', at + 1)) {
      dims.push_back(std::stoll(text.substr(at + 1)));
      if (text.find(',', at + 1) > end) break;
    }
    result += "constant" + std::to_string(made.size());
    made.push_back(dims);
    i = end;
  }
  return result;
}

inline Model model_of(const Case& c) {
  std::vector<Dims> constants;
  std::string text = with_constants(c.text, constants);
  std::string declared;
  for (std::size_t i = 0; i < constants.size(); ++i)
    declared += "float" + to_string(constants[i]) + " constant" + std::to_string(i) + ", ";
  text.insert(text.find('(') + 1, declared);
  ModelIr ir = parse_model("<ir_version: 10, opset_import: [\"\" : 21, \"ai.onnx.ml\" : 5]> " + text).value();
  std::mt19937 random(3);
  for (std::size_t i = 0; i < constants.size(); ++i) {
    const ValueId input = *ir.graph.find_value("constant" + std::to_string(i));
    Tensor tensor = random_tensor(DType::kFloat32, constants[i], 0, random);
    for (float& x : tensor.mutable_data<float>()) x *= 0.2f;
    ir.graph.replace_uses(input, ir.graph.add_constant("values", std::move(tensor)));
    ir.graph.erase_value(input);
  }
  const Status status = infer_types(ir);
  EXPECT_TRUE(status.ok()) << status.error().message();
  return Model(std::make_shared<const ModelIr>(std::move(ir)));
}

inline void compare(const TensorView& actual, const TensorView& expected, double relative, const std::string& where) {
  ASSERT_EQ(actual.dtype, expected.dtype) << where;
  ASSERT_EQ(actual.bytes, expected.bytes) << where;
  const auto near = [&]<class T>(T) {
    const auto* a = static_cast<const T*>(actual.data);
    const auto* e = static_cast<const T*>(expected.data);
    double largest = 0, worst = 0;
    for (std::size_t i = 0; i < expected.bytes / sizeof(T); ++i) {
      ASSERT_FALSE(std::isnan(a[i])) << where << " element " << i;
      largest = std::max(largest, std::fabs(static_cast<double>(e[i])));
      worst = std::max(worst, std::fabs(static_cast<double>(a[i]) - static_cast<double>(e[i])));
    }
    EXPECT_LE(worst, relative * std::max(largest, 1e-3)) << where;
  };
  if (relative == 0 || !dispatch<float, double>(expected.dtype, near)) {
    EXPECT_EQ(std::memcmp(actual.data, expected.data, expected.bytes), 0) << where;
  }
}

inline void check_case(const Case& c) {
  const Model model = model_of(c);
  for (unsigned seed = 0; seed < 3; ++seed) {
    std::mt19937 random(seed);
    std::vector<Tensor> inputs;
    for (const ValueInfo& info : model.inputs())
      inputs.push_back(random_tensor(info.dtype, info.shape, c.below, random));
    const std::vector<AnyValue> expected = run_by_reference(model, inputs);
    for_each_session(model, {1, 2}, [&](const Session& session, const PlanInfo& plan) {
      EXPECT_LE(plan.reference_steps, c.reference);
      const std::vector<AnyValue> actual = run_session(session, inputs);
      ASSERT_EQ(actual.size(), expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i)
        compare(actual[i].tensor(), expected[i].tensor(), c.tolerance, "output " + std::to_string(i));
    });
  }
}

}  // namespace cycloid::native_cases
