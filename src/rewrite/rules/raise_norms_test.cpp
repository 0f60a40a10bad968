#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

constexpr const char* kNorm =
    "<float e = {0.00001}, int64[1] axis = {-1}, float two = {2}> { m = ReduceMean(x, axis) d = Sub(x, m) ";

// The squares of the largest numbers overflow in the formula and not in the operator: other numbers are compared.
void expect_layer_norm(const std::string& text) {
  const ModelIr model = parse_typed(text);
  const Optimized optimized = apply_alone(kRaiseNorms, model, 2);
  EXPECT_EQ(operators(optimized.model), "LayerNormalization");
  for (const std::int64_t size : {0, 1, 2, 5})
    expect_same(model, optimized.model, random_inputs(model, size, 1), false);
}

TEST(RaiseNorms, LayerNorm) {
  expect_layer_norm(std::string("g (float[B, N, 8] x, float[8] s, float[8] b) => (y) ") + kNorm +
                    "p = Pow(d, two) v = ReduceMean(p, axis) a = Add(v, e) q = Sqrt(a) n = Div(d, q) t = Mul(n, s) y "
                    "= Add(t, b) }");
  expect_layer_norm(std::string("g (float[B, N, 8] x, float[8] s) => (y) ") + kNorm +
                    "p = Mul(d, d) v = ReduceMean(p, axis) a = Add(v, e) q = Sqrt(a) r = Reciprocal(q) n = Mul(d, r) "
                    "y = Mul(s, n) }");
  expect_layer_norm(std::string("g (float[B, 8] x) => (y) ") + kNorm +
                    "p = Mul(d, d) v = ReduceMean(p, axis) a = Add(v, e) q = Sqrt(a) y = Div(d, q) }");
}

TEST(RaiseNorms, RmsNorm) {
  expect_becomes(kRaiseNorms,
                 "g (float[B, N, 8] x, float[8] s) => (y) <float e = {0.00001}, int64[1] axis = {-1}, float two = {2}, "
                 "float one = {1}> { p = Pow(x, two) v = ReduceMean(p, axis) a = Add(v, e) q = Sqrt(a) r = Div(one, q) "
                 "n = Mul(x, r) y = Mul(s, n) }",
                 "RMSNormalization");
}

TEST(RaiseNorms, LeavesAnotherAxis) {
  expect_declines(
      kRaiseNorms,
      "g (float[B, 8, 8] x, float[8] s) => (y) <float e = {0.00001}, int64[1] axis = {1}> { m = ReduceMean(x, axis) d "
      "= Sub(x, m) p = Mul(d, d) v = ReduceMean(p, axis) a = Add(v, e) q = Sqrt(a) n = Div(d, q) y = Mul(n, s) }");
}

TEST(RaiseNorms, LeavesAMeanOfSomethingElse) {
  expect_declines(kRaiseNorms,
                  "g (float[B, 8] x, float[B, 8] z, float[8] s) => (y) <float e = {0.00001}, int64[1] axis = {1}> { p "
                  "= Mul(z, z) v = ReduceMean(p, axis) a = Add(v, e) q = Sqrt(a) n = Div(x, q) y = Mul(n, s) }");
}

TEST(RaiseNorms, KeepsAScaleOfAnotherShapeOutside) {
  expect_becomes(kRaiseNorms,
                 "g (float[B, 8] x, float[B, 8] s) => (y) <float e = {0.00001}, int64[1] axis = {1}> { p = Mul(x, x) v "
                 "= ReduceMean(p, axis) a = Add(v, e) q = Sqrt(a) n = Div(x, q) y = Mul(n, s) }",
                 "RMSNormalization Mul");
}

TEST(RaiseNorms, Softmax) {
  expect_becomes(kRaiseNorms,
                 "g (float[B, 8] x) => (y) <int64[1] axis = {1}> { m = ReduceMax(x, axis) d = Sub(x, m) e = Exp(d) s = "
                 "ReduceSum(e, axis) y = Div(e, s) }",
                 "Softmax");
}

// Without the maximum, large numbers overflow.
TEST(RaiseNorms, LeavesASoftmaxThatOverflows) {
  expect_declines(kRaiseNorms,
                  "g (float[B, 8] x) => (y) <int64[1] axis = {1}> { e = Exp(x) s = ReduceSum(e, axis) y = Div(e, s) }");
}

}  // namespace
}  // namespace cycloid::testing
