#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(InlineIf, Then) {
  expect_rewrites(
      kInlineIf,
      "g (float[2] x) => (y) <bool c = {1}> { t = If(c) <then_branch = t () => (p) <float a = {2}> { m = Mul(x, a) p = "
      "Exp(m) }, else_branch = e () => (q) { q = Neg(x) }> y = Relu(t) }",
      "g (float[2] x) => (y) <float a = {2}> { m = Mul(x, a) p = Exp(m) y = Relu(p) }");
}

// The branch hands a value on that exists outside.
TEST(InlineIf, ElseThatIsNothing) {
  expect_rewrites(
      kInlineIf,
      "g (float[2] x) => (y) <bool c = {0}> { t = If(c) <then_branch = t () => (p) { p = Exp(x) }, else_branch = e () "
      "=> (q) { q = Identity(x) }> y = Relu(t) }",
      "g (float[2] x) => (y) { q = Identity(x) y = Relu(q) }");
}

TEST(InlineIf, WithAnIfInside) {
  expect_rewrites(
      kInlineIf,
      "g (bool d, float[2] x) => (y) <bool c = {1}> { y = If(c) <then_branch = t () => (p) { n = Neg(x) p = If(d) "
      "<then_branch = u () => (r) { r = Exp(n) }, else_branch = f () => (s) { s = Abs(n) }> }, else_branch = e () => "
      "(q) { q = Neg(x) }> }",
      "g (bool d, float[2] x) => (y) { n = Neg(x) y = If(d) <then_branch = u () => (r) { r = Exp(n) }, else_branch = f "
      "() => (s) { s = Abs(n) }> }");
}

TEST(InlineIf, LeavesAConditionKnownAtRunTimeOnly) {
  expect_declines(kInlineIf,
                  "g (bool c, float[2] x) => (y) { y = If(c) <then_branch = t () => (p) { p = Exp(x) }, else_branch = "
                  "e () => (q) { "
                  "q = Neg(x) }> }");
}

}  // namespace
}  // namespace cycloid::testing
