#include "rewrite/conditioning.h"

#include <cmath>
#include <limits>

#include "rewrite/rule_testing.h"

namespace cycloid::testing {
namespace {

std::vector<Datum> with(const std::vector<Datum>& inputs, const ModelIr& model) {
  auto outputs = evaluate(model, inputs);
  EXPECT_TRUE(outputs.ok());
  return outputs.ok() ? *std::move(outputs) : std::vector<Datum>{};
}

// x - mean(x) of equal x is 0 or a rounding, and its quotient anything.
constexpr const char* kAmplifies =
    "g (float[3] x) => (y) { m = ReduceMean<keepdims = 1>(x) d = Sub(x, m) s = Abs(d) r = Sqrt(s) y = Div(r, s) }";

TEST(Conditioning, ExplainsWhatTheModelAmplifies) {
  const ModelIr model = parse_typed(kAmplifies);
  const std::vector<Datum> inputs = {Tensor::of<float>({3}, {0.1F, 0.1F, 0.1F})};
  const auto expected = with(inputs, model);
  const std::vector<Datum> actual = {Tensor::of<float>({3}, {8e3F, 8e3F, 8e3F})};
  EXPECT_FALSE(compare(expected[0], actual[0], false, 1024, 64).same);
  EXPECT_TRUE(explained_by_rounding(model, inputs, expected, actual));
}

TEST(Conditioning, LeavesADifferenceThatRoundingDoesNotMake) {
  const ModelIr model = parse_typed("g (float[3] x) => (y) { e = Exp(x) y = Sqrt(e) }");
  const std::vector<Datum> inputs = {Tensor::of<float>({3}, {0.1F, 1, 2})};
  const auto expected = with(inputs, model);
  const auto y = expected[0].tensor()->data<float>();
  EXPECT_TRUE(explained_by_rounding(model, inputs, expected, expected));
  EXPECT_FALSE(explained_by_rounding(model, inputs, expected,
                                     std::vector<Datum>{Tensor::of<float>({3}, {y[0] * 1.01F, y[1], y[2]})}));
  EXPECT_FALSE(
      explained_by_rounding(model, inputs, expected, std::vector<Datum>{Tensor::of<float>({3}, {NAN, y[1], y[2]})}));
  EXPECT_FALSE(explained_by_rounding(model, inputs, expected,
                                     std::vector<Datum>{Tensor::of<float>({1, 3}, {y[0], y[1], y[2]})}));
}

// Only the elements that are ill-conditioned are forgiven.
TEST(Conditioning, JudgesElementByElement) {
  const ModelIr model = parse_typed(
      "g (float[2] x, float[2] z) => (y) { p = Mul(x, z) q = Add(p, z) d = Sub(q, p) e = Sub(d, z) f = Abs(e) r = "
      "Sqrt(f) y = Add(r, x) }");
  const std::vector<Datum> inputs = {Tensor::of<float>({2}, {1e4F, 0.3F}), Tensor::of<float>({2}, {0.7F, 0})};
  const auto expected = with(inputs, model);
  const auto y = expected[0].tensor()->data<float>();
  // The first element adds and takes away 7000: what is left of 0.7 is rounding. The second one is 0.3, exactly.
  EXPECT_TRUE(
      explained_by_rounding(model, inputs, expected, std::vector<Datum>{Tensor::of<float>({2}, {y[0] + 0.02F, y[1]})}));
  EXPECT_FALSE(
      explained_by_rounding(model, inputs, expected, std::vector<Datum>{Tensor::of<float>({2}, {y[0], 20.3F})}));
}

// x * x overflows, and x / sqrt(x * x) is 0 where another way to compute it gives 1; and products that vanish alike.
TEST(Conditioning, ExplainsOverflowAndUnderflow) {
  const ModelIr model = parse_typed("g (float[1] x) => (y) { s = Mul(x, x) r = Sqrt(s) y = Div(x, r) }");
  for (const float x : {1e30F, 1e-40F}) {
    const std::vector<Datum> inputs = {Tensor::of<float>({1}, {x})};
    const auto expected = with(inputs, model);
    const std::vector<Datum> actual = {Tensor::of<float>({1}, {1})};
    EXPECT_FALSE(compare(expected[0], actual[0], false, 1024, 64).same);
    EXPECT_TRUE(explained_by_rounding(model, inputs, expected, actual)) << x;
  }
}

// The smallest number times 0.87 is itself, times 0.5 again too; times their product, 0.44, it vanishes, and what is divided
// by it becomes infinite. Each of many elements must be explained.
TEST(Conditioning, ExplainsQuotientsOfTheSmallestNumbers) {
  const ModelIr model = parse_typed(
      "g (float[64] x) => (y) <float[1] a = {0.87}, float[1] b = {0.505}> { p = Mul(x, a) q = Mul(p, b) y = Div(x, q) "
      "}");
  const Tensor x = Tensor::of<float>({64}, std::vector<float>(64, std::numeric_limits<float>::denorm_min()));
  const auto expected = with({x}, model);
  EXPECT_EQ(expected[0].tensor()->data<float>()[0], 1);
  const std::vector<Datum> actual = {Tensor::of<float>({64}, std::vector<float>(64, INFINITY))};
  EXPECT_TRUE(explained_by_rounding(model, std::vector<Datum>{x}, expected, actual));
}

// Where a sum begins decides the sign of a sum of zeros; what no sum made keeps its own.
TEST(Conditioning, ExplainsTheSignOfASumOfZerosOnly) {
  const std::vector<Datum> inputs = {Tensor::of<float>({1}, {-0.0F})};
  const std::vector<Datum> actual = {Tensor::of<float>({1}, {INFINITY})};
  for (const auto& [op, explained] : {std::pair("ReduceSum", true), std::pair("Floor", false)}) {
    const ModelIr model = parse_typed(std::string("g (float[1] x) => (y) { s = ") + op + "(x) y = Reciprocal(s) }");
    const auto expected = with(inputs, model);
    EXPECT_EQ(expected[0].tensor()->data<float>()[0], -INFINITY);
    EXPECT_EQ(explained_by_rounding(model, inputs, expected, actual), explained) << op;
  }
}

// What is left of sums that cancel is a rounding, or 0: a quotient by it may be infinite, at each of many places.
TEST(Conditioning, ExplainsSumsThatCancelToNothing) {
  const ModelIr model = parse_typed(
      "g (float[64, 3] x) => (y) <float[1] one = {1}, int64[1] axis = {-1}> { m = ReduceMean(x, axis) d = Sub(x, m) s "
      "= ReduceSum<keepdims = 0>(d, axis) y = Div(one, s) }");
  std::vector<float> numbers;
  for (int i = 0; i < 192; ++i) numbers.push_back(std::sin(static_cast<float>(i)));
  const Tensor x = Tensor::of<float>({64, 3}, numbers);
  const auto expected = with({x}, model);
  const std::vector<Datum> actual = {Tensor::of<float>({64}, std::vector<float>(64, INFINITY))};
  EXPECT_TRUE(explained_by_rounding(model, std::vector<Datum>{x}, expected, actual));
}

// The tail of a GELU is one rounding of 1 or two, or none: its reciprocal takes any size, and beyond an integer's range any value.
TEST(Conditioning, ExplainsWhatIsNearAPoleAndCastToIntegers) {
  const ModelIr model = parse_typed(
      "g (float[16] x) => (y) <float[1] one = {1}> { t = Tanh(x) a = Add(t, one) r = Reciprocal(a) i = Cast<to = 7>(r) "
      "j "
      "= Cast<to = 6>(i) y = Cast<to = 1>(j) }");
  const Tensor x = Tensor::of<float>({16}, std::vector<float>(16, -8.5F));
  const auto expected = with({x}, model);
  const double exact = 1 / (1 + std::tanh(-8.5));
  const std::vector<Datum> actual = {Tensor::of<float>({16}, std::vector<float>(16, static_cast<float>(exact)))};
  EXPECT_FALSE(compare(expected[0], actual[0], false, 1024, 64).same);
  EXPECT_TRUE(explained_by_rounding(model, std::vector<Datum>{x}, expected, actual, {.runs = 32}));
}

TEST(Conditioning, WholeNumbersStayExact) {
  const ModelIr model = parse_typed("g (float[2] x) => (y) { y = Cast<to = 7>(x) }");
  const std::vector<Datum> inputs = {Tensor::of<float>({2}, {2, 3})};
  const auto expected = with(inputs, model);
  EXPECT_FALSE(
      explained_by_rounding(model, inputs, expected, std::vector<Datum>{Tensor::of<std::int64_t>({2}, {2, 2})}));
}

}  // namespace
}  // namespace cycloid::testing
