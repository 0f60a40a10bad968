#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(DropRepeated, Idempotent) {
  expect_rewrites(kDropRepeated, "g (float[N] x) => (y) { a = Relu(x) b = Relu(a) y = Exp(b) }",
                  "g (float[N] x) => (y) { a = Relu(x) y = Exp(a) }");
}

TEST(DropRepeated, Involution) {
  expect_rewrites(kDropRepeated, "g (float[N] x) => (y) { a = Neg(x) b = Neg(a) y = Exp(b) }",
                  "g (float[N] x) => (y) { y = Exp(x) }");
}

TEST(DropRepeated, Clips) {
  expect_rewrites(
      kDropRepeated,
      "g (float[N] x) => (y) <float a = {-1}, float b = {3}, float six = {6}> { r = Relu(x) s = Clip(r, a, b) y = "
      "Clip(s, \"\", six) }",
      "g (float[N] x) => (y) <float a = {0}, float b = {3}> { y = Clip(x, a, b) }");
}

TEST(DropRepeated, AClipThatIsARelu) {
  expect_rewrites(kDropRepeated, "g (float[N] x) => (y) <float a = {-1}> { s = Clip(x, a) y = Relu(s) }",
                  "g (float[N] x) => (y) { y = Relu(x) }");
}

// -2 clipped to [0, 1] and then to [2, 3] is 2; a range [2, 1] would say something else.
TEST(DropRepeated, LeavesRangesApart) {
  expect_declines(
      kDropRepeated,
      "g (float[N] x) => (y) <float a = {0}, float b = {1}, float c = {2}, float d = {3}> { s = Clip(x, a, b) y = "
      "Clip(s, c, d) }");
}

TEST(DropRepeated, LeavesBoundsKnownAtRunTimeOnly) {
  expect_declines(kDropRepeated, "g (float[N] x, float a) => (y) { s = Clip(x, a) y = Relu(s) }");
}

TEST(DropRepeated, LeavesOtherFunctions) {
  expect_declines(kDropRepeated, "g (float[N] x) => (y) { a = Exp(x) y = Exp(a) }");
}

}  // namespace
}  // namespace cycloid::testing
