#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(ComposeScales, Fires) {
  expect_rewrites(kComposeScales,
                  "g (float[N, 2] x) => (y) <float a = {0.5}, float[2] b = {0.25, -1}> { t = Mul(x, a) y = Mul(b, t) }",
                  "g (float[N, 2] x) => (y) <float[2] b = {0.125, -0.5}> { y = Mul(x, b) }");
}

// x * 1e30 overflows where x * 1 does not.
TEST(ComposeScales, LeavesFactorsThatUndoEachOther) {
  expect_declines(kComposeScales,
                  "g (float[N] x) => (y) <float a = {1e30}, float b = {1e-30}> { t = Mul(x, a) y = Mul(t, b) }");
}

TEST(ComposeScales, LeavesAProductThatVanishes) {
  expect_declines(kComposeScales,
                  "g (float[N] x) => (y) <float a = {1e-30}, float b = {1e-30}> { t = Mul(x, a) y = Mul(t, b) }");
}

TEST(ComposeScales, LeavesAConstantThatWouldGrow) {
  expect_declines(
      kComposeScales,
      "g (float[N, 2] x) => (y) <float[2, 1] a = {0.5, 0.25}, float[2] b = {0.25, 1}> { t = Mul(x, a) y = Mul(t, b) }");
}

TEST(ComposeScales, LeavesIntegers) {
  expect_declines(kComposeScales,
                  "g (int32[N] x) => (y) <int32 a = {2}, int32 b = {3}> { t = Mul(x, a) y = Mul(t, b) }");
}

}  // namespace
}  // namespace cycloid::testing
