#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(HoistFromLoop, TakesOutWhatNoIterationChanges) {
  const Optimized optimized =
      expect_becomes(kHoistFromLoop,
                     "g (float[4, 4] x, float[4, 4] w, int64 n) => (y) <bool yes = {1}> { y = Loop(n, yes, x) <body = "
                     "b (int64 i, bool c, float[4, 4] s) => (d, t) { d = "
                     "Identity(c) e = Exp(w) h = MatMul(e, w) p = MatMul(s, h) q = Add(p, e) t = Tanh(q) }> }",
                     "Exp MatMul Loop");
  EXPECT_EQ(optimized.ledger.after.nodes, 7U);
}

TEST(HoistFromLoop, InfersCapturesOfInnerSubgraphs) {
  expect_becomes(kHoistFromLoop,
                 "g (float[4] x, float[4] w, bool p, int64 n) => (y) <bool yes = {1}> { y = Loop(n, yes, x) <body = b "
                 "(int64 i, bool c, float[4] s) => (d, t) "
                 "{ d = Identity(c) e = Exp(w) t = If(p) <then_branch = u () => (v) { v = Add(e, s) }, else_branch = z "
                 "() => (r) { r = Sub(s, x) }> }> }",
                 "Exp Loop");
}

TEST(HoistFromLoop, LeavesWhatMayFail) {
  expect_declines(kHoistFromLoop,
                  "g (float[4, 4] x, int64 k, int64 n) => (y) <bool yes = {1}, float[4] first = {0, 0, 0, 0}> { y = "
                  "Loop(n, yes, first) <body = b (int64 i, bool "
                  "c, float[4] s) => (d, t) { d = Identity(c) e = Gather(x, k) t = Add(s, e) }> }");
}

TEST(HoistFromLoop, LeavesRandomnessAndWhatIterationsChange) {
  expect_declines(kHoistFromLoop,
                  "g (float[4] x, int64 n) => (y) <bool yes = {1}> { y = Loop(n, yes, x) <body = b (int64 i, bool c, "
                  "float[4] s) => (d, t) { d = Identity(c) r = "
                  "RandomNormalLike(x) z = Sub(r, r) e = Exp(s) q = Mul(z, e) t = Add(q, s) }> }");
}

}  // namespace
}  // namespace cycloid::testing
