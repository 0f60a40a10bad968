// The tests of raise_activations and raise_norms: formulas as exporters write them.
#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

constexpr const char* kErf = "g (float[N, 4] x) => (y) <float r = {1.41421354}, float h = {0.5}, float o = {1}> { ";

TEST(RaiseActivations, GeluByErf) {
  expect_becomes(kRaiseActivations,
                 std::string(kErf) + "d = Div(x, r) e = Erf(d) a = Add(e, o) m = Mul(x, a) y = Mul(m, h) }", "Gelu");
  expect_becomes(kRaiseActivations,
                 std::string(kErf) + "g = Mul(h, x) d = Div(x, r) e = Erf(d) a = Add(o, e) y = Mul(g, a) }", "Gelu");
  expect_becomes(kRaiseActivations,
                 "g (float[N, 4] x) => (y) <float r = {0.70710678}, float h = {0.5}, float o = {1}> { d = Mul(r, x) e "
                 "= Erf(d) a = Add(e, o) g = Mul(a, h) y = Mul(g, x) }",
                 "Gelu");
}

TEST(RaiseActivations, GeluOfAProduct) {
  expect_becomes(
      kRaiseActivations,
      std::string(
          "g (float[N, 4] p, float[N, 4] q) => (y) <float r = {1.41421354}, float h = {0.5}, float o = {1}> { ") +
          "x = Mul(p, q) d = Div(x, r) e = Erf(d) a = Add(e, o) m = Mul(x, a) y = Mul(m, h) }",
      "Mul Gelu");
}

TEST(RaiseActivations, GeluByTanh) {
  constexpr const char* kHead =
      "g (float[N, 4] x) => (y) <float k = {0.044715}, float s = {0.7978845608}, float h = {0.5}, float o = {1}, float "
      "three = {3}> { ";
  expect_becomes(kRaiseActivations,
                 std::string(kHead) +
                     "c = Pow(x, three) d = Mul(c, k) e = Add(x, d) f = Mul(e, s) t = Tanh(f) a = Add(t, o) g = Mul(x, "
                     "h) y = Mul(g, a) }",
                 "Gelu");
  expect_becomes(kRaiseActivations,
                 std::string(kHead) +
                     "b = Mul(x, x) d = Mul(b, k) e = Add(d, o) g = Mul(x, s) f = Mul(g, e) t = Tanh(f) a = Add(t, o) "
                     "i = Mul(x, a) y = Mul(i, h) }",
                 "Gelu");
}

TEST(RaiseActivations, Swish) {
  expect_becomes(kRaiseActivations, "g (float[N] x) => (y) { s = Sigmoid(x) y = Mul(s, x) }", "Swish");
  expect_becomes(kRaiseActivations,
                 "g (float[N] x) => (y) <float k = {1.702}> { d = Mul(x, k) s = Sigmoid(d) y = Mul(x, s) }", "Swish");
}

TEST(RaiseActivations, MishAndHardSwish) {
  expect_becomes(kRaiseActivations, "g (float[N] x) => (y) { p = Softplus(x) t = Tanh(p) y = Mul(x, t) }", "Mish");
  expect_becomes(kRaiseActivations,
                 "g (float[N] x) => (y) { s = HardSigmoid<alpha = 0.16666667, beta = 0.5>(x) y = Mul(x, s) }",
                 "HardSwish");
  expect_becomes(kRaiseActivations,
                 "g (float[N] x) => (y) <float three = {3}, float low = {0}, float high = {6}, float six = {6}> { a = "
                 "Add(x, three) c = Clip(a, low, high) m = Mul(x, c) y = Div(m, six) }",
                 "HardSwish");
}

TEST(RaiseActivations, LeavesOtherNumbers) {
  expect_declines(kRaiseActivations,
                  "g (float[N] x) => (y) <float r = {1.5}, float h = {0.5}, float o = {1}> { d = Div(x, r) e = Erf(d) "
                  "a = Add(e, o) m = Mul(x, a) y = Mul(m, h) }");
  expect_declines(kRaiseActivations,
                  "g (float[N] x) => (y) { s = HardSigmoid<alpha = 0.2, beta = 0.5>(x) y = Mul(x, s) }");
}

TEST(RaiseActivations, LeavesOtherArguments) {
  expect_declines(kRaiseActivations, "g (float[N] x, float[N] z) => (y) { s = Sigmoid(z) y = Mul(s, x) }");
  expect_declines(kRaiseActivations,
                  "g (float[N] x, float[N] z) => (y) <float r = {1.41421354}, float h = {0.5}, float o = {1}> { d = "
                  "Div(z, r) e = Erf(d) a = Add(e, o) m = Mul(x, a) y = Mul(m, h) }");
}

TEST(RaiseActivations, LeavesAnInnerValueThatIsUsed) {
  expect_declines(kRaiseActivations, "g (float[N] x) => (y, s) { s = Sigmoid(x) y = Mul(s, x) }");
}

constexpr const char* kNorm =
    "<float e = {0.00001}, int64[1] axis = {-1}, float two = {2}> { m = ReduceMean(x, axis) d = Sub(x, m) ";

TEST(RaiseNorms, LayerNorm) {
  expect_becomes(kRaiseNorms,
                 std::string("g (float[B, N, 8] x, float[8] s, float[8] b) => (y) ") + kNorm +
                     "p = Pow(d, two) v = ReduceMean(p, axis) a = Add(v, e) q = Sqrt(a) n = Div(d, q) t = Mul(n, s) y "
                     "= Add(t, b) }",
                 "LayerNormalization");
  expect_becomes(kRaiseNorms,
                 std::string("g (float[B, N, 8] x, float[8] s) => (y) ") + kNorm +
                     "p = Mul(d, d) v = ReduceMean(p, axis) a = Add(v, e) q = Sqrt(a) r = Reciprocal(q) n = Mul(d, r) "
                     "y = Mul(s, n) }",
                 "LayerNormalization");
  expect_becomes(kRaiseNorms,
                 std::string("g (float[B, 8] x) => (y) ") + kNorm +
                     "p = Mul(d, d) v = ReduceMean(p, axis) a = Add(v, e) q = Sqrt(a) y = Div(d, q) }",
                 "LayerNormalization");
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
