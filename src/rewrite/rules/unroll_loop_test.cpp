#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(UnrollLoop, CarriedValues) {
  expect_becomes(kUnrollLoop,
                 "g (float[4] x, float[4] first) => (y) <bool yes = {1}, int64 n = {3}> { y = Loop(n, yes, first) "
                 "<body = b (int64 i, bool c, "
                 "float[4] s) => (d, t) { d = Identity(c) a = Add(s, x) t = Tanh(a) }> }",
                 "Add Tanh Add Tanh Add Tanh");
}

TEST(UnrollLoop, ScanBackwardsAndStacked) {
  expect_becomes(kUnrollLoop,
                 "g (float[3, 4] x, float[4] h) => (last, y) { last, y = Scan<num_scan_inputs = 1, scan_input_axes = "
                 "[0], scan_input_directions = [1], "
                 "scan_output_axes = [1], scan_output_directions = [1], body = b (float[4] s, float[4] a) => (t, u) { "
                 "z = Add(s, a) t = Tanh(z) u = "
                 "Neg(t) }>(h, x) }",
                 "Gather Add Tanh Neg Gather Add Tanh Neg Gather Add Tanh Neg Unsqueeze Unsqueeze Unsqueeze Concat");
}

TEST(UnrollLoop, SubgraphsInTheBodyCaptureTheirIteration) {
  expect_becomes(kUnrollLoop,
                 "g (float[4] x, bool p, float[4] first) => (y) <bool yes = {1}, int64 n = {2}> { y = Loop(n, yes, "
                 "first) <body = b (int64 i, bool c, "
                 "float[4] s) => (d, t) { d = Identity(c) a = Exp(s) t = If(p) <then_branch = u () => (v) { v = Add(a, "
                 "x) }, else_branch = w () => (z) { "
                 "z = Sub(a, s) }> }> }",
                 "Exp If Exp If");
}

TEST(UnrollLoop, NoIterations) {
  expect_becomes(kUnrollLoop,
                 "g (float[4] x, float[4] first) => (y) <bool yes = {1}, int64 n = {0}> { r = Loop(n, yes, first) "
                 "<body = b (int64 i, bool c, float[4] s) "
                 "=> (d, t) { d = Identity(c) a = Add(s, x) t = Tanh(a) }> y = Relu(r) }",
                 "Relu");
}

TEST(UnrollLoop, LeavesAnUnknownTripCount) {
  expect_declines(kUnrollLoop,
                  "g (float[4] x, int64 n) => (y) <bool yes = {1}> { y = Loop(n, yes, x) <body = b (int64 i, bool c, "
                  "float[4] s) => (d, t) { d = "
                  "Identity(c) t = Tanh(s) }> }");
}

TEST(UnrollLoop, LeavesAConditionThatMayStop) {
  expect_declines(kUnrollLoop,
                  "g (float[4] x) => (y) <bool yes = {1}, int64 n = {3}, float zero = {0}> { y = Loop(n, yes, x) <body "
                  "= b (int64 i, bool c, float[4] s) => "
                  "(d, t) { m = ReduceMax<keepdims = 0>(s) d = Greater(m, zero) t = Tanh(s) }> }");
}

TEST(UnrollLoop, LeavesManyIterations) {
  expect_declines(kUnrollLoop,
                  "g (float[4] x) => (y) <bool yes = {1}, int64 n = {1000}> { y = Loop(n, yes, x) <body = b (int64 i, "
                  "bool c, float[4] s) => (d, t) { d = "
                  "Identity(c) t = Tanh(s) }> }");
}

}  // namespace
}  // namespace cycloid::testing
