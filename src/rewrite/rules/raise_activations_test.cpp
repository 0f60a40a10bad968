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

// Constants and attributes of float32 are not those of a function in float64.
TEST(RaiseActivations, LeavesRoundedNumbersInDoubles) {
  const auto by_erf = [](const char* root) {
    return std::string("g (double[N] x) => (y) <double r = {") + root +
           "}, double h = {0.5}, double o = {1}> { d = Div(x, r) e = Erf(d) a = Add(e, o) m = Mul(x, a) y = Mul(m, h) "
           "}";
  };
  expect_becomes(kRaiseActivations, by_erf("1.4142135623730951"), "Gelu");
  expect_declines(kRaiseActivations, by_erf("1.41421354"));
  expect_declines(kRaiseActivations,
                  "g (double[N] x) => (y) <double k = {1.702}> { d = Mul(x, k) s = Sigmoid(d) y = Mul(x, s) }");
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

}  // namespace
}  // namespace cycloid::testing
