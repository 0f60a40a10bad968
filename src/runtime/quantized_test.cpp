// The native engine on quantised and 16-bit models against the reference evaluation, for each instruction set and one and two
// threads: integers to the bit.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "graph/text.h"
#include "ops/elements.h"
#include "ops/op.h"
#include "runtime/native_sessions.h"

namespace cycloid {
namespace {

using native::for_each_session;
using native::run_by_reference;
using native::run_session;

struct Case {
  const char* name;
  const char* text;     // inputs but x, a and z become constants with random elements
  double steps = 0;     // of an integer result: the largest difference
  double relative = 0;  // of a floating-point result: the largest difference, in parts of the largest element
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// Half a unit in the last place of float16 and bfloat16: where a result is rounded once more or less.
constexpr double kHalf = 0x1p-11, kBrain = 0x1p-8, kFloat = 0x1p-20, kSame = 0;

constexpr Case kCases[] = {
    {"quantize",
     "g (float[2,3,5,7] x) => (uint8[?,?,?,?] y, int8[?,?,?,?] v) <float s = {0.01}, uint8 p = {120}, int8 q = {-3}> { "
     "y = QuantizeLinear (x, s, p) v = QuantizeLinear (x, s, q) }"},
    {"quantize_axis",
     "g (float[2,3,5,7] x) => (uint8[?,?,?,?] y) <float[3] s = {0.01, 0.02, 0.3}, uint8[3] p = {120, 3, 0}> { y = "
     "QuantizeLinear <axis=1> (x, s, p) }"},
    {"dequantize",
     "g (uint8[2,3,40] x, int8[2,3,40] z) => (float[?,?,?] y, float[?,?,?] v) <float s = {0.01}, uint8 p = {120}, "
     "float[3] t = {1, 2, 0.3}, int8[3] q = {5, -3, 0}> { y = DequantizeLinear (x, s, p) v = DequantizeLinear <axis=1> "
     "(z, t, q) }"},
    {"quantize_blocks",
     "g (float[2,70,6] x, float[2,3,6] s, float[3,70] a, float[3,5] t) => (uint8[?,?,?] y, int4[?,?] v, uint4[?,?] u, "
     "int8[?,?,?] w) <uint4[3,5] q = {7, 3, 1, 9, 15, 0, 8, 8, 7, 2, 4, 6, 11, 10, 9}, float[6] r = {0.1, 0.2, 0.3, "
     "0.01, 0.02, 0.03}, int8[6] k = {1, -2, 3, -4, 5, -6}> { y = QuantizeLinear <axis=1, block_size=32> (x, s) b = "
     "Abs "
     "(t) v = QuantizeLinear <axis=1, block_size=16, output_dtype=22> (a, b) u = QuantizeLinear <axis=-1, "
     "block_size=16> (a, b, q) w = QuantizeLinear <axis=2> (x, r, k) }"},
    {"dequantize_blocks",
     "g (int4[2,70,6] x, uint4[3,70] a, float[2,3,6] s, float[3,5] t) => (float[?,?,?] y, float[?,?] v, float[?,?,?] "
     "w) "
     "<uint4[3,5] q = {7, 3, 1, 9, 15, 0, 8, 8, 7, 2, 4, 6, 11, 10, 9}, float[6] r = {0.1, 0.2, 0.3, 0.01, 0.02, "
     "0.03}, "
     "int4[6] k = {1, -2, 3, -4, 5, -6}> { y = DequantizeLinear <axis=1, block_size=32> (x, s) v = DequantizeLinear "
     "<axis=1, block_size=16> (a, t, q) w = DequantizeLinear <axis=2> (x, r, k) }",
     0, kSame},
    {"scales_of_the_run",
     "g (float[3,70] x, float[1] a, float[3] z) => (uint8[?,?] y, float[?,?] v, int8[?,?] u) { s = Abs (a) b = Abs (z) "
     "y = "
     "QuantizeLinear (x, s) q, t, p = DynamicQuantizeLinear (x) v = DequantizeLinear (q, t, p) u = QuantizeLinear "
     "<axis=0, output_dtype=3> (x, b) }",
     0, kSame},
    {"float8",
     "g (float[3,70] x, float8e4m3fn[3,70] a, float8e5m2[3,70] z) => (float8e4m3fn[?,?] y, float8e5m2[?,?] v, "
     "float8e4m3fnuz[?,?] u, float4e2m1[?,?] w, float8e5m2[?,?] i, float[?,?] b, float[?,?] c) <float s = {0.001}, "
     "float t = "
     "{0.1}, float[3] r = {0.01, 0.02, 3}> { y = QuantizeLinear <output_dtype=17> (x, s) v = QuantizeLinear <axis=0, "
     "output_dtype=19> (x, r) u = QuantizeLinear <output_dtype=18> (x, t) w = QuantizeLinear <output_dtype=23> (x, t) "
     "k = "
     "Mul (x, x) f = Div (k, s) i = QuantizeLinear <output_dtype=19, saturate=0> (f, s) b = DequantizeLinear (a, s) c "
     "= "
     "DequantizeLinear <axis=0> (z, r) }",
     0, kSame},
    {"dynamic_quantize",
     "g (float[3,50] x) => (uint8[?,?] y, float s, uint8 p) { y, s, p = DynamicQuantizeLinear (x) }"},
    {"matmul_integer",
     "g (uint8[2,5,37] x, int8[37,19] w, uint8 z) => (int32[?,?,?] y) { y = MatMulInteger (x, w, z) }"},
    {"matmul_integer_zeros",
     "g (int8[5,64] x, uint8[64,33] w, uint8[33] q) => (int32[?,?] y) <int8 p = {3}> { y = MatMulInteger (x, w, p, q) "
     "}"},
    {"matmul_integer_batch",
     "g (uint8[2,3,5,8] x, uint8[2,3,8,9] z) => (int32[?,?,?,?] y) <uint8 p = {100}, uint8 q = {7}> { y = "
     "MatMulInteger "
     "(x, z, p, q) }"},
    {"matmul_integer_scaled",
     "g (float[4,30] x, int8[30,20] w, float[20] b) => (float[?,?] y) <float t = {0.01}, int8 q = {0}> { u, s, p = "
     "DynamicQuantizeLinear (x) f = Mul (s, t) i = MatMulInteger (u, w, p, q) c = Cast <to=1> (i) m = Mul (c, f) y = "
     "Add "
     "(b, m) }",
     0, kFloat},
    {"qlinear_matmul",
     "g (uint8[2,7,24] x, int8[24,20] w, float[20] s) => (uint8[?,?,?] y) <float t = {0.02}, uint8 p = {100}, int8[20] "
     "q "
     "= {0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}, float u = {0.9}, uint8 r = {128}> { y = QLinearMatMul (x, t, p, w, "
     "s, "
     "q, u, r) }"},
    {"qlinear_conv",
     "g (uint8[2,3,9,11] x, int8[18,3,3,3] w, float[18] s, int32[18] b) => (uint8[?,?,?,?] y) <float t = {0.02}, uint8 "
     "p "
     "= {100}, int8 q = {0}, float u = {0.6}, uint8 r = {90}> { y = QLinearConv <pads=[1,1,1,1], strides=[2,2]> (x, t, "
     "p, w, s, q, u, r, b) }"},
    {"qlinear_conv_depthwise_chain",
     "g (int8[1,16,9,11] x, int8[24,16,1,1] w, int8[24,1,3,3] v, float[24] s, int32[24] b) => (int8[?,?,?,?] y) <float "
     "t "
     "= {0.02}, int8 p = {-100}, int8 q = {0}, float u = {0.6}, int8 r = {9}> { m = QLinearConv (x, t, p, w, s, q, u, "
     "r, b) y = QLinearConv <pads=[1,1,1,1], group=24> (m, u, r, v, s, q, t, p, b) }"},
    {"qlinear_conv_1d_groups",
     "g (uint8[2,6,31] x, uint8[8,3,5] w, int32[8] b) => (int8[?,?,?] y) <float t = {0.02}, uint8 p = {100}, float s = "
     "{0.03}, uint8 q = {17}, float u = {0.6}, int8 r = {9}> { y = QLinearConv <pads=[2,2], strides=[2], group=2> (x, "
     "t, "
     "p, w, s, q, u, r, b) }"},
    {"conv_integer",
     "g (uint8[1,5,6,7] x, uint8[9,5,3,2] w, uint8 p, uint8 q) => (int32[?,?,?,?] y) { y = ConvInteger "
     "<pads=[1,0,1,1], "
     "dilations=[1,2]> (x, w, p, q) }"},
    {"max_pool_and_resize",
     "g (int8[2,5,8,9] x, int8[5,5,1,1] w, int32[5] b) => (int8[?,?,?,?] y, int8[?,?,?,?] v) <float t = {0.02}, int8 p "
     "= "
     "{1}, float[4] s = {1, 1, 2, 2}> { c = QLinearConv (x, t, p, w, t, p, t, p, b) y = MaxPool <kernel_shape=[3,2], "
     "strides=[2,2], pads=[1,0,1,1]> (c) v = Resize <mode=\"nearest\", nearest_mode=\"floor\", "
     "coordinate_transformation_mode=\"asymmetric\"> (c, , s) }"},
    {"qdq_conv",
     "g (float[1,4,7,8] x, int8[12,4,3,3] w, int32[12] b) => (float[?,?,?,?] y) <float s = {0.01}, uint8 p = {120}, "
     "float[12] t = {0.01,0.02,0.03,0.01,0.02,0.03,0.01,0.02,0.03,0.01,0.02,0.03}, float[12] k = "
     "{0.0001,0.0002,0.0003,0.0001,0.0002,0.0003,0.0001,0.0002,0.0003,0.0001,0.0002,0.0003}, float u = {0.7}, uint8 r "
     "= "
     "{100}> { q = QuantizeLinear (x, s, p) d = DequantizeLinear (q, s, p) e = DequantizeLinear <axis=0> (w, t) f = "
     "DequantizeLinear <axis=0> (b, k) c = Conv <pads=[1,1,1,1]> (d, e, f) m = QuantizeLinear (c, u, r) y = "
     "DequantizeLinear (m, u, r) }",
     1, 0.01},
    {"qdq_matmul_moves",
     "g (float[2,6,24] x, int8[24,20] w) => (float[?,?,?] y) <float s = {0.01}, uint8 p = {120}, float[20] t = "
     "{1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2}, float u = {9}, uint8 r = {100}, int64[3] n = {2, 4, 30}> { q = "
     "QuantizeLinear (x, s, p) d = DequantizeLinear (q, s, p) e = DequantizeLinear <axis=1> (w, t) m = MatMul (d, e) o "
     "= "
     "QuantizeLinear (m, u, r) f = DequantizeLinear (o, u, r) h = Reshape (f, n) i = Transpose <perm=[0,2,1]> (h) y = "
     "MatMul (h, i) }",
     1, 0.02},
    {"qdq_pool_and_add",
     "g (float[1,4,8,8] x) => (uint8[?,?,?,?] y) <float s = {0.01}, uint8 p = {120}, float u = {0.013}, uint8 r = "
     "{100}> { "
     "q = QuantizeLinear (x, s, p) d = DequantizeLinear (q, s, p) c = MaxPool <kernel_shape=[2,2], strides=[2,2]> (d) "
     "m = "
     "QuantizeLinear (c, s, p) e = DequantizeLinear (m, s, p) a = Add (e, e) y = QuantizeLinear (a, u, r) }"},
    // The state is rounded to 8 bits in each step: a last bit may be a step of 1/255 of its range, seen through the weights.
    {"dynamic_quantize_lstm",
     "g (float[7,2,10] x, int8[2,10,48] w, int8[2,12,48] r, float[2,96] b, float[2,2,12] h, float[2,2,12] c) => "
     "(float[?,?,?,?] y, float[?,?,?] yh, float[?,?,?] yc) <float[2] t = {0.004, 0.003}, int8[2] q = {3, 0}> { y, yh, "
     "yc = "
     "com.microsoft.DynamicQuantizeLSTM <direction=\"bidirectional\", hidden_size=12> (x, w, r, b, , h, c, , t, q, t, "
     "q) }",
     0, 0.01},
    // Enough weights for threads to share the units of a step, of which the last ones fill no vector. A code of h may fall to the
    // other side, as h is rounded otherwise: 1/255 of its range, times weights of up to 128 * 0.0005.
    {"dynamic_quantize_lstm_shared",
     "g (float[9,1,10] x, int8[1,10,840] w, int8[1,210,840] r, float[1,1680] b, float[1,1,210] h, float[1,1,210] c) => "
     "(float[?,?,?,?] y, float[?,?,?] yh, float[?,?,?] yc) <float[1] t = {0.0005}, int8[1] q = {0}> { y, yh, yc = "
     "com.microsoft.DynamicQuantizeLSTM <direction=\"reverse\", hidden_size=210> (x, w, r, b, , h, c, , t, q, t, q) }",
     0, 0.01},
    {"qlinear_elementwise",
     "g (uint8[2,5,7] x, uint8[2,5,7] z) => (uint8[?,?,?] y, uint8[?,?,?] v, uint8[?,?,?] u, uint8[?,?,?] t) <float s "
     "= "
     "{0.02}, uint8 p = {100}, float r = {0.03}, uint8 q = {120}> { y = com.microsoft.QLinearAdd (x, s, p, z, r, q, r, "
     "p) v = com.microsoft.QLinearMul (x, s, p, z, r, q, r, p) u = com.microsoft.QLinearSigmoid (x, r, p, s, q) t = "
     "com.microsoft.QLinearLeakyRelu <alpha=0.3> (x, r, p, s, q) }"},
    {"qlinear_broadcast",
     "g (uint8[2,70,5,7] x, uint8[5,1] a, uint8[1] z) => (uint8[?,?,?,?] y, uint8[?,?,?,?] v, uint8[?,?,?,?] u) <float "
     "s = "
     "{0.02}, uint8 p = {100}, float r = {0.03}, uint8 q = {120}> { y = com.microsoft.QLinearAdd (x, s, p, a, r, q, r, "
     "p) "
     "v = com.microsoft.QLinearMul (a, s, p, x, r, q, r, p) u = com.microsoft.QLinearAdd (z, s, p, x, r, q, r, p) }"},
    {"qlinear_broadcast_of_channels",
     "g (uint8[1,8,6,5] x, int8[80,8,1,1] w) => (uint8[?,?,?,?] y, uint8[?,?,?,?] g) <float s = {0.02}, uint8 p = "
     "{100}, "
     "float t = {0.01}, int8 k = {0}, float r = {0.03}, uint8 q = {120}> { c = QLinearConv (x, s, p, w, t, k, r, q) m "
     "= "
     "com.microsoft.QLinearGlobalAveragePool (c, r, q, r, q) g = com.microsoft.QLinearSigmoid (m, r, q, s, p) y = "
     "com.microsoft.QLinearMul (c, r, q, g, s, p, r, q) }"},
    {"qlinear_where",
     "g (uint8[2,70,7] x, uint8[70,1] a, float[2,70,7] z) => (uint8[?,?,?] y, uint8[?,?,?] v) <float s = {0.02}, uint8 "
     "p = "
     "{100}, float r = {0.03}, uint8 q = {120}, float o = {0}, bool[7] c = {1,0,0,1,1,0,1}, uint8 k = {7}> { b = Less "
     "(z, o) "
     "y = com.microsoft.QLinearWhere (b, x, s, p, a, r, q, r, p) v = com.microsoft.QLinearWhere (c, k, r, q, x, s, p, "
     "s, q) "
     "}"},
    {"dynamic_quantize_matmul",
     "g (float[4,30] x, int8[30,20] w, float[20] s, float[20] b) => (float[?,?] y) <int8[20] q = "
     "{0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9}> { y = com.microsoft.DynamicQuantizeMatMul (x, w, s, q, b) }",
     0, kFloat},
    // Sums of up to 28 terms of size 1, each rounded to float16 by the reference.
    {"float16",
     "g (float16[1,3,8,8] x, float16[8,3,3,3] w, float16[8] b, float16[8,1,1] k) => (float16[?,?,?,?] y) { c = Conv "
     "<pads=[1,1,1,1]> (x, w, b) r = PRelu (c, k) t = Transpose <perm=[0,2,3,1]> (r) y = Sigmoid (t) }",
     0, 8 * kHalf},
    {"bfloat16",
     "g (bfloat16[4,12] x, bfloat16[12,9] w, bfloat16[9] b) => (bfloat16[?,?] y) { c = MatMul (x, w) r = Add (c, b) y "
     "= "
     "Relu (r) }",
     0, 8 * kBrain},
    {"float16_rounds_where_a_bit_is_a_step",
     "g (float16[64] x, float16[64] w) => (float16[?] y) { p = Mul (x, w) y = Round (p) }"},
};

Tensor random_tensor(DType dtype, const Dims& dims, std::mt19937& random) {
  Tensor tensor = Tensor::zeros(dtype, dims).value();
  std::uniform_real_distribution<float> real(-1, 1);
  std::uniform_int_distribution<std::int32_t> integer(-1000, 1000);
  if (dtype == DType::kFloat32) {
    for (float& x : tensor.mutable_data<float>()) x = real(random);
  } else if (dtype == DType::kFloat16) {
    for (Float16& x : tensor.mutable_data<Float16>()) x = to_float16(2 * real(random));
  } else if (dtype == DType::kBFloat16) {
    for (BFloat16& x : tensor.mutable_data<BFloat16>()) x = to_bfloat16(real(random));
  } else if (dtype == DType::kInt32) {
    for (std::int32_t& x : tensor.mutable_data<std::int32_t>()) x = integer(random);
  } else {
    // Of fewer bits, one an element: what the type has. Of float8: no infinity, no NaN.
    const bool narrow = is_integer(dtype) && bits_of(dtype) < 8;
    for (std::size_t i = 0; i < tensor.byte_count(); ++i) {
      auto byte = static_cast<std::uint8_t>(random());
      if (narrow) byte = static_cast<std::uint8_t>(byte % (1 << bits_of(dtype)) - (is_signed_integer(dtype) ? 8 : 0));
      if (is_floating_point(dtype)) byte &= 0x3f;
      tensor.mutable_bytes()[i] = static_cast<std::byte>(byte);
    }
  }
  return tensor;
}

Result<ModelIr> model_of(const Case& c, std::mt19937& random) {
  ModelIr model = parse_model(c.text).value();
  Graph& graph = model.graph;
  const std::vector<ValueId> inputs(graph.inputs().begin(), graph.inputs().end());
  for (const ValueId id : inputs) {
    const std::string name = graph.value(id).name;
    if (name == "x" || name == "a" || name == "z") continue;
    const ValueType& type = graph.value(id).type;
    Tensor values = random_tensor(type.dtype, *known_dims(*type.shape), random);
    // Scales are positive, and of the size that makes results fill their range.
    if (type.dtype == DType::kFloat32 && name == "s") {
      for (float& x : values.mutable_data<float>()) x = 0.005f + 0.02f * std::fabs(x);
    }
    graph.replace_uses(id, graph.add_constant("constant", std::move(values)));
    graph.erase_value(id);
  }
  CYCLOID_TRY(infer_types(model));
  return model;
}

struct Output {
  DType dtype;
  std::vector<double> values;
  friend bool operator==(const Output&, const Output&) = default;
};

std::vector<Output> outputs_of(const std::vector<AnyValue>& values) {
  std::vector<Output> outputs;
  for (const AnyValue& value : values) {
    const TensorView view = value.tensor();
    const Tensor tensor = Tensor::borrow(view.dtype, Dims(view.shape.begin(), view.shape.end()), view.data, nullptr);
    Output& output = outputs.emplace_back(Output{.dtype = view.dtype, .values = {}});
    const bool known =
        dispatch<float, Float16, BFloat16, std::int8_t, std::uint8_t, std::int32_t>(view.dtype, [&]<class T>(T) {
          for (const T x : tensor.data<T>()) output.values.push_back(to_double(x));
        });
    if (!known) output.values = load_all<double>(tensor);
    EXPECT_FALSE(output.values.empty());
  }
  return outputs;
}

void compare(const Case& c, const std::vector<Output>& actual, const std::vector<Output>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(actual[i].dtype, expected[i].dtype);
    ASSERT_EQ(actual[i].values.size(), expected[i].values.size());
    const bool real = is_floating_point(expected[i].dtype);
    double largest = 0;
    for (const double x : expected[i].values) largest = std::max(largest, std::isfinite(x) ? std::fabs(x) : 0);
    for (std::size_t k = 0; k < expected[i].values.size(); ++k) {
      if (!std::isfinite(expected[i].values[k])) {
        ASSERT_EQ(std::isnan(actual[i].values[k]), std::isnan(expected[i].values[k])) << "element " << k;
        if (!std::isnan(expected[i].values[k])) {
          ASSERT_EQ(actual[i].values[k], expected[i].values[k]) << "element " << k;
        }
        continue;
      }
      ASSERT_NEAR(actual[i].values[k], expected[i].values[k], real ? c.relative * largest : c.steps)
          << "output " << i << " element " << k;
    }
  }
}

class Quantized : public testing::TestWithParam<Case> {};

TEST_P(Quantized, AgreesWithTheReferenceEvaluation) {
  const Case& c = GetParam();
  std::mt19937 random(11);
  Result<ModelIr> ir = model_of(c, random);
  ASSERT_TRUE(ir.ok()) << ir.error().message();
  const Model model(std::make_shared<const ModelIr>(*std::move(ir)));
  std::vector<Tensor> inputs;
  for (const ValueInfo& info : model.inputs()) inputs.push_back(random_tensor(info.dtype, info.shape, random));
  const std::vector<Output> expected = outputs_of(run_by_reference(model, inputs));
  std::vector<Output> of_one_thread;
  int sessions = 0;
  for_each_session(model, {1, 2, 3}, [&](const Session& session, const PlanInfo& plan) {
    EXPECT_EQ(plan.reference_steps, 0);
    const std::vector<Output> actual = outputs_of(run_session(session, inputs));
    compare(c, actual, expected);
    EXPECT_EQ(outputs_of(run_session(session, inputs)), actual) << "the same bits in every run";
    if (sessions++ % 3 == 0) of_one_thread = actual;
    EXPECT_EQ(actual, of_one_thread) << "the same bits on any number of threads";
  });
}

INSTANTIATE_TEST_SUITE_P(Cases, Quantized, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace cycloid
