#include "rewrite/rule_testing.h"
#include "rewrite/rules/rules.h"

namespace cycloid::testing {
namespace {

TEST(ComposeCasts, ThereAndBack) {
  expect_rewrites(kComposeCasts, "g (int32[N] x) => (y) { a = Cast<to = 7>(x) b = Cast<to = 6>(a) y = Neg(b) }",
                  "g (int32[N] x) => (y) { y = Neg(x) }");
}

TEST(ComposeCasts, ThroughAWiderType) {
  expect_rewrites(kComposeCasts, "g (int32[N] x) => (y) { a = Cast<to = 11>(x) y = Cast<to = 1>(a) }",
                  "g (int32[N] x) => (y) { y = Cast<to = 1>(x) }");
}

TEST(ComposeCasts, OfBool) {
  expect_rewrites(kComposeCasts, "g (bool[N] x) => (y) { a = Cast<to = 7>(x) y = Cast<to = 1>(a) }",
                  "g (bool[N] x) => (y) { y = Cast<to = 1>(x) }");
}

// 2^24 + 1 is no float32.
TEST(ComposeCasts, LeavesRounding) {
  expect_declines(kComposeCasts, "g (int32[N] x) => (y) { a = Cast<to = 1>(x) y = Cast<to = 6>(a) }");
}

// 65535 is no float16, though it has bits to spare.
TEST(ComposeCasts, LeavesFloat16) {
  expect_declines(kComposeCasts, "g (float[N] x) => (y) { a = Cast<to = 10>(x) y = Cast<to = 1>(a) }");
}

// All that is not 0 becomes 1.
TEST(ComposeCasts, LeavesBool) {
  expect_declines(kComposeCasts, "g (int32[N] x) => (y) { a = Cast<to = 9>(x) y = Cast<to = 6>(a) }");
}

TEST(ComposeCasts, LeavesALostSign) {
  expect_declines(kComposeCasts, "g (int32[N] x) => (y) { a = Cast<to = 13>(x) y = Cast<to = 7>(a) }");
}

}  // namespace
}  // namespace cycloid::testing
