#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(DropIdentity, Fires) {
  expect_rewrites(kDropIdentity, "g (float[N] x) => (float[N] y) { t = Identity(x) y = Relu(t) }",
                  "g (float[N] x) => (float[N] y) { y = Relu(x) }");
}

TEST(DropIdentity, KeepsTheNameOfAnOutput) {
  expect_rewrites(kDropIdentity, "g (float[N] x) => (float[N] y) { t = Relu(x) y = Identity(t) }",
                  "g (float[N] x) => (float[N] y) { y = Relu(x) }");
}

TEST(DropIdentity, ReachesUsesInsideSubgraphs) {
  expect_rewrites(kDropIdentity,
                  "g (bool c, float[2] x) => (float[2] y) { t = Identity(x) y = If(c) <then_branch = a () => (p) { p = "
                  "Relu(t) }, else_branch = b () "
                  "=> (q) { q = Neg(t) }> }",
                  "g (bool c, float[2] x) => (float[2] y) { y = If(c) <then_branch = a () => (p) { p = Relu(x) }, "
                  "else_branch = b () => (q) { q = "
                  "Neg(x) }> }");
}

TEST(DropIdentity, LeavesAnOutputThatIsAnInput) {
  expect_declines(kDropIdentity, "g (float[N] x) => (float[N] y) { y = Identity(x) }");
}

TEST(DropIdentity, LeavesTwoOutputsOfOneValue) {
  expect_declines(kDropIdentity, "g (float[N] x) => (float[N] y, float[N] z) { y = Relu(x) z = Identity(y) }");
}

TEST(DropIdentity, LeavesDropoutThatTrains) {
  expect_declines(kDropIdentity,
                  "g (float[N] x, bool training) => (float[N] y) <float ratio = {0.5}> { t = Dropout(x, ratio, "
                  "training) y = Relu(t) }");
}

TEST(DropIdentity, TakesDropoutOut) {
  expect_rewrites(kDropIdentity, "g (float[N] x) => (float[N] y) { t = Dropout(x) y = Relu(t) }",
                  "g (float[N] x) => (float[N] y) { y = Relu(x) }");
}

}  // namespace
}  // namespace cycloid::testing
